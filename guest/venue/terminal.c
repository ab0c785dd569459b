/* SPDX-License-Identifier: MIT */
/* The caller's terminal; see terminal.h. */
#include "guest/venue/terminal.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_ESCAPE 0x1d /* Ctrl-] */

bool terminal_is_there(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

struct wire_size terminal_size(void)
{
	struct winsize winsize = {0};

	ioctl(STDOUT_FILENO, TIOCGWINSZ, &winsize);
	return (struct wire_size){.rows = winsize.ws_row, .columns = winsize.ws_col};
}

void terminal_make_raw(struct terminal *terminal)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
		return;
	raw = terminal->before;
	cfmakeraw(&raw);
	terminal->is_raw = tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0;
}

void terminal_restore(struct terminal *terminal)
{
	if (terminal->is_raw)
		tcsetattr(STDIN_FILENO, TCSAFLUSH, &terminal->before);
	terminal->is_raw = false;
}

bool terminal_wants_end(struct terminal *terminal, unsigned char *keys, size_t *length)
{
	size_t kept = 0;

	if (!terminal->is_raw)
		return false;
	for (size_t i = 0; i < *length; i++) {
		if (terminal->escaped && (keys[i] == 'x' || keys[i] == 'X'))
			return true;
		if (keys[i] == KEY_ESCAPE && !terminal->escaped) {
			terminal->escaped = true;
			continue;
		}
		/* Each key that is kept was read before, so there is room. */
		terminal->escaped = false;
		keys[kept++] = keys[i];
	}
	*length = kept;
	return false;
}

int output_without_waiting(int fd)
{
	char path[64];
	struct stat st;
	int other;

	/* A file's second description would have an offset of its own. */
	if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || isatty(fd)))
		return fd;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return other >= 0 ? other : fd;
}
