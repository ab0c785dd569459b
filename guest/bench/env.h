/* SPDX-License-Identifier: MIT */
/*
 * What a benchmark may ask of the place where it runs, so that its own code is the same bytes
 * everywhere. Two implementations: a Linux process, by system calls (linux_*.c), and the payload
 * kernel's ring 3 (payload_*.c). Which of them holds is decided at run time, from the auxiliary
 * vector.
 */
#ifndef BENCH_ENV_H
#define BENCH_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guest/payload/info.h"

#define ENV_MAX_CPUS	  PAYLOAD_MAX_CPUS
#define ENV_CPU_SET_WORDS 16 /* 1024 CPUs */

/*
 * The pages that memory is mapped with. By default as the system gives them: under Linux nothing is
 * advised, and the payload maps 2 MiB pages, so that the host's pages decide in both. Transparent
 * huge pages exist under Linux only; the payload maps 2 MiB pages for them, which is what an OS
 * that has them would end with.
 */
enum env_pages {
	ENV_PAGES_DEFAULT,
	ENV_PAGES_4K,
	ENV_PAGES_THP,
	ENV_PAGES_2M,
};

struct env;

/* Reasons are sentences for people; NULL is success. */
struct env_ops {
	void (*write)(struct env *env, const char *text, size_t len);
	void (*exit)(struct env *env, int status); /* does not return */
	/* Memory, of any content. NULL if there is not so much, and *reason then says why. */
	void *(*alloc)(struct env *env, size_t size, enum env_pages pages, const char **reason);
	/* The same, with pages that have never been touched. */
	void *(*alloc_fresh)(struct env *env, size_t size, enum env_pages pages,
			     const char **reason);
	/* Gives back all memory allocated since the start or the last call. */
	void (*release)(struct env *env);
	/* Calls function(arg, cpu) on CPUs 0 to nr - 1 at once; returns after all have. */
	const char *(*run)(struct env *env, unsigned int nr,
			   void (*function)(void *arg, unsigned int cpu), void *arg);
	/* Sleeps for so long, with as few wake-ups as it can. NULL, or why it cannot. */
	const char *(*sleep)(struct env *env, unsigned int seconds);
	/* The frequency of the time stamp counter. May take some milliseconds. */
	uint64_t (*measure_tsc)(struct env *env);
};

struct env {
	const struct env_ops *ops;
	const char *name;
	unsigned int nr_cpus;
	uint64_t tsc_hz; /* once measured */
	bool pin;	 /* one CPU for each of run()'s functions, where CPUs can be chosen */
	struct payload_info *payload; /* NULL under Linux */
	/* The rest belongs to the implementation. */
	uint64_t allowed_cpus[ENV_CPU_SET_WORDS]; /* that this process may use (Linux) */
	struct env_memory {
		struct env_ram {
			uint64_t start, end;
			uint64_t at;	  /* RAM from here on is free */
			uint64_t touched; /* RAM below has been used */
		} ram[2];		  /* below and behind the 32-bit hole (payload) */
		uint64_t directory; /* where page directories for ram[1] go, until they are there */
		uint64_t next_1g;   /* virtual address for the next 4 KiB pages (payload) */
		struct {
			void *start;
			size_t size;
		} mapping[64]; /* Linux */
		unsigned int nr_mappings;
	} memory;
};

void env_linux_init(struct env *env);
void env_payload_init(struct env *env, struct payload_info *payload);

/* Not reordered with the work that it times; Intel SDM vol. 2, RDTSC. */
static inline uint64_t env_ticks(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high)::"memory");
	return (uint64_t)high << 32 | low;
}

static inline void env_pause(void)
{
	__asm__ volatile("pause" ::: "memory");
}

struct env_cpuid {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct env_cpuid env_cpuid(uint32_t leaf, uint32_t subleaf)
{
	struct env_cpuid c;

	__asm__ volatile("cpuid"
			 : "=a"(c.eax), "=b"(c.ebx), "=c"(c.ecx), "=d"(c.edx)
			 : "a"(leaf), "c"(subleaf));
	return c;
}

#endif
