/* SPDX-License-Identifier: MIT */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guest/tinybench/base/alloc.h"
#include "guest/tinybench/exact/symbols.h"

static const char *add_module(struct symbols *symbols, const char *name, size_t length)
{
	if (symbols->nr_modules > 0) {
		const char *last = symbols->modules[symbols->nr_modules - 1];

		if (strlen(last) == length && memcmp(last, name, length) == 0)
			return last;
	}
	symbols->modules = xgrow(symbols->modules, symbols->nr_modules, &symbols->modules_capacity,
				 sizeof(symbols->modules[0]));
	symbols->modules[symbols->nr_modules] = xasprintf("%.*s", (int)length, name);
	return symbols->modules[symbols->nr_modules++];
}

static void add(struct symbols *symbols, uint64_t start, uint64_t end, char *name,
		const char *module)
{
	symbols->at = xgrow(symbols->at, symbols->nr, &symbols->capacity, sizeof(symbols->at[0]));
	symbols->at[symbols->nr++] =
		(struct symbol){.start = start, .end = end, .name = name, .module = module};
}

/* ---- kernels -----------------------------------------------------------------------------------
 */

/* "ADDRESS TYPE NAME" and, for a module's, a tab and "[MODULE]". */
static void add_line(struct symbols *symbols, const char *line, size_t length)
{
	const char *end = line + length, *name, *name_end, *module = NULL;
	uint64_t address;
	char *at;

	address = strtoull(line, &at, 16);
	if (end - at < 4 || at[0] != ' ' || !strchr("tTwW", at[1]) || at[2] != ' ')
		return;
	name = at + 3;
	name_end = name;
	while (name_end < end && *name_end != '\t' && *name_end != ' ')
		name_end++;
	if (end - name_end > 3 && name_end[1] == '[')
		module = add_module(symbols, name_end + 2, (size_t)(end - name_end - 3));
	add(symbols, address, 0, xasprintf("%.*s", (int)(name_end - name), name), module);
}

int symbols_add_kallsyms(struct symbols *symbols, const char *text, struct err *err)
{
	size_t before = symbols->nr;
	bool all_zero = true;

	while (*text) {
		const char *end = strchrnul(text, '\n');

		add_line(symbols, text, (size_t)(end - text));
		text = *end ? end + 1 : end;
	}
	for (size_t i = before; all_zero && i < symbols->nr; i++)
		all_zero = symbols->at[i].start == 0;
	if (all_zero)
		return err_set(err, -ENOENT,
			       "the kernel shows no symbols; it needs CONFIG_KALLSYMS");
	return 0;
}

/* ---- ELF files
 * ----------------------------------------------------------------------------------- */

struct image {
	const uint8_t *bytes;
	size_t size;
	Elf64_Ehdr header;
};

static bool get(const struct image *image, uint64_t offset, void *to, size_t size)
{
	if (offset > image->size || image->size - offset < size)
		return false;
	memcpy(to, image->bytes + offset, size);
	return true;
}

static bool get_section(const struct image *image, uint64_t index, Elf64_Shdr *section)
{
	return index < image->header.e_shnum &&
	       get(image, image->header.e_shoff + index * sizeof(*section), section,
		   sizeof(*section)) &&
	       section->sh_offset <= image->size &&
	       image->size - section->sh_offset >= section->sh_size;
}

static bool find_section(const struct image *image, uint32_t type, Elf64_Shdr *section)
{
	for (uint64_t i = 0; i < image->header.e_shnum; i++)
		if (get_section(image, i, section) && section->sh_type == type &&
		    section->sh_size >= 2 * sizeof(Elf64_Sym))
			return true;
	return false;
}

/* How much further in memory the file's own addresses lie, where `offset` is at `address`. */
static bool find_bias(const struct image *image, uint64_t address, uint64_t offset, uint64_t *bias)
{
	Elf64_Phdr segment;

	for (uint64_t i = 0; i < image->header.e_phnum; i++) {
		uint64_t start;

		if (!get(image, image->header.e_phoff + i * sizeof(segment), &segment,
			 sizeof(segment)) ||
		    segment.p_type != PT_LOAD)
			continue;
		/* A mapping begins at the page in which the segment does. */
		start = segment.p_offset & ~(uint64_t)4095;
		if (offset >= start && offset < segment.p_offset + segment.p_filesz) {
			*bias = address - (segment.p_vaddr - segment.p_offset + offset);
			return true;
		}
	}
	return false;
}

static void add_symbols(struct symbols *symbols, const struct image *image,
			const Elf64_Shdr *section, uint64_t bias, uint64_t start, uint64_t end,
			const char *module)
{
	Elf64_Shdr strings;

	if (!get_section(image, section->sh_link, &strings))
		return;
	for (uint64_t i = 0; i < section->sh_size / sizeof(Elf64_Sym); i++) {
		unsigned int type;
		Elf64_Sym symbol;
		const char *name;
		size_t limit;

		(void)get(image, section->sh_offset + i * sizeof(symbol), &symbol, sizeof(symbol));
		type = ELF64_ST_TYPE(symbol.st_info);
		if ((type != STT_FUNC && type != STT_NOTYPE && type != STT_GNU_IFUNC) ||
		    symbol.st_shndx == SHN_UNDEF || symbol.st_shndx >= SHN_LORESERVE ||
		    symbol.st_name >= strings.sh_size || symbol.st_value + bias < start ||
		    symbol.st_value + bias >= end)
			continue;
		name = (const char *)image->bytes + strings.sh_offset + symbol.st_name;
		limit = strings.sh_size - symbol.st_name;
		if (strnlen(name, limit) == limit || name[0] == '\0')
			continue;
		add(symbols, symbol.st_value + bias,
		    symbol.st_size ? symbol.st_value + bias + symbol.st_size : 0, xstrdup(name),
		    module);
	}
}

/* The stubs through which a program calls its libraries have no symbols, and a section of their
 * own. */
static void add_stubs(struct symbols *symbols, const struct image *image, uint64_t bias,
		      uint64_t start, uint64_t end, const char *module)
{
	Elf64_Shdr names, section;
	char name[5] = "";

	if (!get_section(image, image->header.e_shstrndx, &names))
		return;
	for (uint64_t i = 0; i < image->header.e_shnum; i++) {
		if (!get_section(image, i, &section) || !(section.sh_flags & SHF_EXECINSTR) ||
		    section.sh_name > names.sh_size ||
		    !get(image, names.sh_offset + section.sh_name, name, sizeof(name) - 1) ||
		    strcmp(name, ".plt") != 0 || section.sh_addr + bias < start ||
		    section.sh_addr + bias >= end)
			continue;
		add(symbols, section.sh_addr + bias, section.sh_addr + bias + section.sh_size,
		    xstrdup("plt"), module);
	}
}

static int add_image(struct symbols *symbols, const struct image *image, const char *path,
		     uint64_t address, uint64_t offset, uint64_t size, struct err *err)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	Elf64_Shdr section;
	uint64_t bias = 0, start = size ? address : 0, end = size ? address + size : UINT64_MAX;
	const char *module;

	if (memcmp(image->header.e_ident, ELFMAG, SELFMAG) != 0 ||
	    image->header.e_ident[EI_CLASS] != ELFCLASS64)
		return err_set(err, -EINVAL, "%s is no ELF64", path);
	if (size > 0 && !find_bias(image, address, offset, &bias))
		return 0; /* not code */
	module = add_module(symbols, base, strlen(base));
	if (find_section(image, SHT_SYMTAB, &section) || find_section(image, SHT_DYNSYM, &section))
		add_symbols(symbols, image, &section, bias, start, end, module);
	add_stubs(symbols, image, bias, start, end, module);
	return 0;
}

int symbols_add_elf(struct symbols *symbols, const char *path, uint64_t address, uint64_t offset,
		    uint64_t size, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), ret;
	struct image image = {0};
	struct stat st;
	void *bytes;

	if (fd < 0 || fstat(fd, &st) < 0) {
		ret = err_set(err, -errno, "%s: %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return ret;
	}
	image.size = (size_t)st.st_size;
	bytes = image.size ? mmap(NULL, image.size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
	close(fd);
	image.bytes = bytes;
	if (bytes == MAP_FAILED || !get(&image, 0, &image.header, sizeof(image.header)))
		ret = err_set(err, -EINVAL, "%s is no ELF64", path);
	else
		ret = add_image(symbols, &image, path, address, offset, size, err);
	if (bytes != MAP_FAILED)
		munmap(bytes, image.size);
	return ret;
}

/* ---- all of them -------------------------------------------------------------------------------
 */

/* Of several names of one address, the one with a size and then the first in the alphabet. */
static int compare(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	if ((x->end != 0) != (y->end != 0))
		return x->end ? -1 : 1;
	return strcmp(x->name, y->name);
}

void symbols_sort(struct symbols *symbols)
{
	size_t kept = 0;

	qsort(symbols->at, symbols->nr, sizeof(symbols->at[0]), compare);
	for (size_t i = 0; i < symbols->nr; i++) {
		if (kept > 0 && symbols->at[kept - 1].start == symbols->at[i].start)
			free(symbols->at[i].name);
		else
			symbols->at[kept++] = symbols->at[i];
	}
	symbols->nr = kept;
	for (size_t i = 0; i < kept; i++)
		if (symbols->at[i].end == 0)
			symbols->at[i].end = i + 1 < kept ? symbols->at[i + 1].start : UINT64_MAX;
}

const struct symbol *symbols_find(const struct symbols *symbols, uint64_t address)
{
	size_t low = 0, high = symbols->nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (symbols->at[middle].start <= address)
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0 || address >= symbols->at[low - 1].end)
		return NULL;
	return &symbols->at[low - 1];
}

void symbols_free(struct symbols *symbols)
{
	for (size_t i = 0; i < symbols->nr; i++)
		free(symbols->at[i].name);
	for (size_t i = 0; i < symbols->nr_modules; i++)
		free(symbols->modules[i]);
	free(symbols->at);
	free(symbols->modules);
	*symbols = (struct symbols){0};
}
