/* SPDX-License-Identifier: MIT */
/*
 * The first process of the linux-vm arm. It loads the modules that came with it, runs the benchmark
 * file with the words that follow `--` on the kernel's command line (the kernel hands them to its
 * first process, Documentation/admin-guide/kernel-parameters.rst), and ends the machine with the
 * statuses of the payload kernel: 0, EXIT_FAILED or EXIT_FAULT. No libc, so that what boots is
 * little more than the benchmark file.
 */
#include <asm/fcntl.h>
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/if.h>
#include <linux/in.h>
#include <linux/reboot.h>
#include <linux/sockios.h>
#include <linux/wait.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/abi.h"
#include "guest/bench/linux_syscall.h"

#define CONSOLE	    1		     /* the kernel has opened it as 0, 1 and 2 */
#define MODULE_LIST "/modules.order" /* a path in each line */

/* For the debug-exit port, as in guest/bench/payload_env.c and guest/payload/kernel/kernel.h. */
#define EXIT_FAILED 1
#define EXIT_FAULT  2

__asm__(".globl _start\n"
	"_start:\n"
	"	xor	%ebp, %ebp\n"
	"	mov	%rsp, %rdi\n"
	"	and	$-16, %rsp\n"
	"	call	init_main\n"
	"	ud2\n");

_Noreturn void init_main(char **stack);

static void say(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	linux_call3(__NR_write, CONSOLE, text, length);
}

/* In the words of the benchmark file, so that the reader of its lines learns of it. */
static void complain(const char *what, const char *name)
{
	say("{\"event\":\"error\",\"bench\":\"\",\"reason\":\"the guest's init: ");
	say(what);
	say(name);
	say("\"}\n");
}

/* Lines as they are written: no carriage returns before line feeds, no echo. */
static void make_console_raw(void)
{
	struct termios settings;

	if (linux_call3(__NR_ioctl, CONSOLE, TCGETS, &settings) < 0)
		return;
	settings.c_oflag &= ~(tcflag_t)OPOST;
	settings.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
	linux_call3(__NR_ioctl, CONSOLE, TCSETS, &settings);
}

/* What tinyvmm does not know about is still in the tty's buffer and the UART's FIFO. */
static void drain_console(void)
{
	linux_call3(__NR_ioctl, CONSOLE, TCSBRK, 1);
}

static void write_port(uint16_t port, uint8_t value)
{
	if (linux_call3(__NR_ioperm, port, 1, 1) == 0)
		__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/*
 * By the ports that payloads use: the kernel's own power-off has a last word on the console, which
 * is for JSON lines alone. Nothing is mounted that would have to be written back.
 */
static _Noreturn void end_machine(uint8_t debug_exit_value)
{
	drain_console();
	if (debug_exit_value)
		write_port(TINYVMM_PORT_DEBUG_EXIT, debug_exit_value);
	else
		write_port(TINYVMM_PORT_POWER, TINYVMM_POWER_OFF_VALUE);
	/* On another VMM's machine neither port ends it. */
	for (;;)
		linux_call3(__NR_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2,
			    LINUX_REBOOT_CMD_POWER_OFF);
}

static bool load_module(const char *path)
{
	long fd = linux_call2(__NR_open, path, O_RDONLY);
	long error = fd < 0 ? fd : linux_call3(__NR_finit_module, fd, "", 0);

	if (fd >= 0)
		linux_call1(__NR_close, fd);
	if (error < 0)
		complain("cannot load ", path);
	return error >= 0;
}

/* Those of the list, in its order; without a list there is nothing to load. */
static bool load_modules(void)
{
	char list[1024], *path, *at;
	long fd = linux_call2(__NR_open, MODULE_LIST, O_RDONLY);
	long length = fd < 0 ? 0 : linux_call3(__NR_read, fd, list, sizeof(list) - 1);

	if (fd >= 0)
		linux_call1(__NR_close, fd);
	list[length > 0 ? length : 0] = '\0';
	for (path = at = list; *at; at++) {
		if (*at != '\n')
			continue;
		*at = '\0';
		if (!load_module(path))
			return false;
		path = at + 1;
	}
	return true;
}

/* The address in "address=A.B.C.D", in network order; 0 if the word is something else. */
static uint32_t parse_address(const char *word)
{
	const char *key = "address=";
	unsigned int byte = 0, nr_bytes = 1;
	uint32_t address = 0;

	while (*key)
		if (*word++ != *key++)
			return 0;
	for (; (*word >= '0' && *word <= '9') || *word == '.'; word++) {
		if (*word != '.') {
			byte = (byte * 10 + (unsigned int)(*word - '0')) & 0xff;
			continue;
		}
		address = address << 8 | byte;
		byte = 0;
		nr_bytes++;
	}
	return nr_bytes == 4 && *word == '\0' ? __builtin_bswap32(address << 8 | byte) : 0;
}

/* netdevice(7); what the payload's own UDP makes of the address, the kernel does here. */
static bool set_up_network(uint32_t address)
{
	struct ifreq request = {.ifr_name = "eth0"};
	struct sockaddr_in *in = (struct sockaddr_in *)&request.ifr_addr;
	long fd = linux_call3(__NR_socket, AF_INET, SOCK_DGRAM, 0);
	long error;

	in->sin_family = AF_INET;
	in->sin_addr.s_addr = address;
	error = fd < 0 ? fd : linux_call3(__NR_ioctl, fd, SIOCSIFADDR, &request);
	in->sin_addr.s_addr = __builtin_bswap32(0xffffff00);
	if (error >= 0)
		error = linux_call3(__NR_ioctl, fd, SIOCSIFNETMASK, &request);
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (error >= 0)
		error = linux_call3(__NR_ioctl, fd, SIOCSIFFLAGS, &request);
	if (fd >= 0)
		linux_call1(__NR_close, fd);
	if (error < 0)
		complain("cannot set up ", "eth0");
	return error >= 0;
}

/* A network only if the words for the benchmark file have an address for it. */
static bool set_up_devices(char *const *word)
{
	uint32_t address = 0;

	if (!load_modules())
		return false;
	for (; *word && !address; word++)
		address = parse_address(*word);
	return !address || set_up_network(address);
}

/* What the machine ends with. */
static uint8_t run_bench(char **argv, char **envp)
{
	static char name[] = "bench";
	long child = linux_call0(__NR_fork);
	int status = 0;

	if (child == 0) {
		argv[0] = name;
		linux_call3(__NR_execve, "/bench", argv, envp);
		complain("cannot execute ", "/bench");
		linux_call1(__NR_exit_group, 1);
	}
	if (child < 0) {
		complain("cannot fork", "");
		return EXIT_FAILED;
	}
	/* Orphans end up here too; there should be none. */
	while (linux_call4(__NR_wait4, child, &status, __WALL, NULL) != child)
		;
	if ((status & 0x7f) != 0) { /* wait(2): killed by that signal */
		complain("a signal killed ", "/bench");
		return EXIT_FAULT;
	}
	return status == 0 ? 0 : EXIT_FAILED;
}

/* `stack` as the kernel leaves it: argc, argv, NULL, environment, NULL, ... (psABI 3.4.1). */
_Noreturn void init_main(char **stack)
{
	size_t argc = (size_t)stack[0];
	char **argv = &stack[1];

	make_console_raw();
	/* For /dev/vda. */
	if (linux_call6(__NR_mount, (long)"dev", (long)"/dev", (long)"devtmpfs", 0, 0, 0) < 0)
		complain("cannot mount ", "/dev");
	else if (set_up_devices(argv))
		end_machine(run_bench(argv, &argv[argc + 1]));
	end_machine(EXIT_FAILED);
}
