# tinyvmm: `make`, `make demo`, `make check-all`; `make help` lists the rest.
# SPDX-License-Identifier: MIT

B       := build
PREFIX  ?= /usr/local
VERSION := 0.1.0
CC      ?= cc
# Stands before each recipe: V=1 shows it, and what it makes has its directory.
Q        = $(if $(V),,@)mkdir -p $(@D) &&

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wimplicit-fallthrough \
        -Wconversion $(if $(CI),-Werror)
CPPFLAGS += -I. -D_GNU_SOURCE -DTINYVMM_VERSION='"$(VERSION)"'
# Small by default, since nearly all of the program is cold; what an exit or a request passes is
# built for speed.
CFLAGS   ?= -g
OPT      := -Os
HOT      := vmm/vcpu vmm/stats/exitstat vmm/stats/histogram vmm/core/bus vmm/core/gmem virtio/virtq \
            virtio/vchain virtio/vdev virtio/mmio virtio/blk virtio/blk_request virtio/net
$(HOT:%=$B/obj/%.o): OPT := -O2
# No unwind tables: nothing here unwinds, and a debugger has the debug information.
CFLAGS   += $(OPT) -std=gnu11 -pthread -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections $(WARN)
SAN      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
# libc is shared, as on every Debian; the three small libraries go in whole, because each shared
# object costs a start about 0.1 ms.
LDFLAGS  += -pthread -Wl,--gc-sections,-O1,--as-needed,-z,now,-z,noseparate-code,-z,pack-relative-relocs
LDLIBS   := -Wl,-Bstatic -lfdt -laio -lz -Wl,-Bdynamic

# ---- the program: everything under vmm/, devices/ and virtio/ -------------------------------
VMM_SRC  := $(wildcard vmm/*.c vmm/*/*.c vmm/x86/*/*.c devices/*.c virtio/*.c)
VMM_OBJ  := $(VMM_SRC:%.c=$B/obj/%.o)
# What unit tests may link: all that needs no KVM, or can be given a fake one.
PURE_SRC := $(filter-out vmm/main.c vmm/machine%.c vmm/run.c vmm/kvm/% vmm/x86/cpu.c,$(VMM_SRC))
# tinybench: everything under guest/tinybench/ but what of tinybench exact runs elsewhere, in QEMU and
# in the machine that QEMU runs; unit tests may link all of it but main().
EXACT_PARTS := $(patsubst %,$B/exact/%,libexact.so level1 pack.sh init.sh initramfs.sh)
EXACT_ALIEN := guest/tinybench/exact/plugin.c guest/tinybench/exact/level1.c
TINYBENCH_SRC := $(filter-out $(EXACT_ALIEN),$(wildcard guest/tinybench/*.c guest/tinybench/*/*.c))
TINYBENCH_LIB := $(filter-out %/main.c,$(TINYBENCH_SRC))

# ---- guests and tests: each file a program ------------------------------------------------------
PAYLOADS   := $(patsubst guest/payload/%.S,$B/guest/%.elf,$(wildcard guest/payload/*.S))
KVM_GUESTS := $(patsubst tests/kvm/guest/%.S,$B/tests/kvm/%.elf,$(wildcard tests/kvm/guest/*.S)) \
	      $(foreach ring,0 3,$(patsubst tests/kvm/guest/%.c,$B/tests/kvm/%.ring$(ring).elf,\
	      $(wildcard tests/kvm/guest/*.c))) $B/tests/kvm/multiboot.elf32 $B/tests/kvm/multiboot.flat
KVM_TOOLS  := $(patsubst %.c,$B/%,$(wildcard tests/kvm/*.c tests/bench/*.c tests/venue/*.c))
UNIT       := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))

.PHONY: all help deps demo linux-guest check check-kvm check-venue check-nested check-exact check-all mutate bench fuzz lint format install clean
.DELETE_ON_ERROR:
.SECONDARY: # keeps the objects of tests

all: $B/tinyvmm $B/tinybench $B/venue $(PAYLOADS) $B/guest/payload.elf $B/guest/payload.bzImage $B/guest/bench.elf \
	$B/guest/linux/init $(EXACT_PARTS)

help:
	@echo 'all linux-guest deps demo check check-kvm check-venue check-nested check-exact check-all mutate bench fuzz lint format install clean'
deps:
	$Qtests/deps.sh build demo check

$B/tinyvmm: $(VMM_OBJ) Makefile
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $(VMM_OBJ) $(LDLIBS)
# It stands on vmm/core for errors, numbers and names.
$B/tinybench: $(patsubst %.c,$B/obj/%.o,$(TINYBENCH_SRC) $(wildcard vmm/core/*.c))
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^ -ljansson -lz -lm

# What tinybench exact loads into QEMU, and what it starts in the machine that QEMU runs.
$B/exact/%.sh: guest/tinybench/exact/%.sh
	$Qcp $< $@
$B/exact/initramfs.sh: guest/linux/initramfs.sh
	$Qcp $< $@
$B/exact/libexact.so: guest/tinybench/exact/plugin.c guest/abi.h $(wildcard guest/tinybench/exact/*.h)
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) -O2 -shared -fPIC -fvisibility=hidden -o $@ $<
$B/exact/level1: guest/tinybench/exact/level1.c guest/abi.h
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) -static -o $@ $<

$B/obj/%.o: %.c
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<
$B/san/%.o: %.c
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<

# Payloads are freestanding, linked at 1 MiB.
GUEST_FLAGS := -I. -nostdlib -static -no-pie -g -Wl,--build-id=none,--gc-sections,-z,noexecstack,-z,max-page-size=4096 \
	       -Wl,-T,guest/payload/payload.ld
GUEST_DEPS  := guest/abi.h guest/payload/payload.ld $(wildcard guest/payload/lib/*)
$B/guest/%.elf: guest/payload/%.S $(GUEST_DEPS)
	$Q$(CC) $(GUEST_FLAGS) -o $@ $<

# The payload kernel, and the benchmark file that it runs, which is a Linux program as well: no libc,
# and no instruction that a baseline x86-64 lacks.
FREESTANDING := -std=gnu11 -g -I. $(WARN) -ffreestanding -fno-pic -fcf-protection=none -MMD -MP \
	-fno-stack-protector -fno-asynchronous-unwind-tables -mno-red-zone
KERNEL_OBJ := $(patsubst %,$B/obj/%.o,$(basename $(wildcard guest/payload/kernel/*.[cS] guest/payload/machine/*.[cS])))
BENCH_OBJ  := $(patsubst %,$B/obj/%.o,$(basename $(wildcard guest/bench/*.[cS])))
$B/obj/guest/payload/%.o: guest/payload/%.c
	$Q$(CC) $(FREESTANDING) -Os -mgeneral-regs-only -c -o $@ $<
$B/obj/guest/bench/%.o: guest/bench/%.c
	$Q$(CC) $(FREESTANDING) -O3 -fno-tree-loop-distribute-patterns -c -o $@ $<
$B/obj/guest/%.o: guest/%.S
	$Q$(CC) -I. -g -MMD -MP -c -o $@ $<

$B/guest/payload.elf: $(KERNEL_OBJ) guest/payload/payload.ld
	$Q$(CC) $(GUEST_FLAGS) -o $@ $(KERNEL_OBJ)
$B/guest/payload.bzImage: guest/payload/bzimage/setup.S $B/guest/payload.elf
	$Qobjcopy -O binary $B/guest/payload.elf $B/guest/payload.bin && $(CC) -nostdlib -static -no-pie \
		-Wa,-I,$B/guest -Wl,--build-id=none,--oformat=binary,-Ttext=0,-R,$B/guest/payload.elf -o $@ $<
$B/guest/bench.elf: $(BENCH_OBJ)
	$Q$(CC) -nostdlib -static -no-pie -Wl,--build-id=none,--strip-debug,-z,noexecstack,-z,max-page-size=4096 \
		-Wl,-Ttext-segment=0x800000 -o $@ $^ -lz -lgcc

# A KVM host on any machine: a script, with its parts beside it. What runs inside needs no libraries.
VENUE := $(addprefix $B/guest/,$(addprefix venue/,relay agent hold_keys tsc_khz init.sh modprobe.sh fetch.sh \
	extract-vmlinux.sh) linux/initramfs.sh)
$B/venue: guest/venue/venue.sh $(VENUE)
	$Qinstall -m 755 $< $@
$B/guest/venue/relay $B/guest/venue/agent: $B/obj/guest/venue/wire.o
$B/guest/venue/relay: $B/obj/guest/venue/terminal.o
$B/guest/venue/agent $B/guest/venue/hold_keys: LDFLAGS += -static
$B/guest/venue/%: $B/obj/guest/venue/%.o
	$Q$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $^
$B/guest/%.sh: guest/%.sh
	$Qinstall -m 755 $< $@

# What the linux-vm arm boots; not in `all`, because it downloads a kernel package once.
linux-guest: $B/guest/linux/init $B/guest/bench.elf
	$Qguest/linux/make.sh $B
$B/guest/linux/init: guest/linux/init.c
	$Q$(CC) $(FREESTANDING) -Os -nostdlib -static -no-pie -s -o $@ $<
$B/tests/kvm/%.elf: tests/kvm/guest/%.S $(GUEST_DEPS) $(wildcard tests/kvm/guest/*.inc)
	$Q$(CC) $(GUEST_FLAGS) -o $@ $<

# The same test as a payload in ring 0 and in ring 3.
$B/tests/kvm/%.ring0.elf $B/tests/kvm/%.ring3.elf: tests/kvm/guest/%.c $(GUEST_DEPS) tests/kvm/guest/apic.h
	$Qfor ring in 0 3; do $(CC) $(GUEST_FLAGS) $(filter-out -M% -Wconversion,$(FREESTANDING)) -O2 -mgeneral-regs-only -DPAYLOAD_RING=$$ring \
		-o $B/tests/kvm/$*.ring$$ring.elf $< guest/payload/lib/start.S || exit 1; done
$B/tests/kvm/%.elf32: $B/tests/kvm/%.elf
	$Qobjcopy -O elf32-i386 $< $@
$B/tests/kvm/%.flat: $B/tests/kvm/%.elf
	$Qobjcopy -O binary $< $@
$(KVM_TOOLS): $B/%: %.c
	$Q$(CC) $(CPPFLAGS) $(CFLAGS) -o $@ $< $(TOOL_LIBS)
$B/tests/bench/interleave: $B/obj/libpure.a
$B/tests/bench/interleave: TOOL_LIBS := $B/obj/libpure.a -lm # it stands on tinybench's statistics

# ---- unit tests, twice: as built, and under ASan and UBSan --------------------------------------
$B/obj/libpure.a: $(patsubst %.c,$B/obj/%.o,$(PURE_SRC) $(TINYBENCH_LIB))
$B/san/libpure.a: $(patsubst %.c,$B/san/%.o,$(PURE_SRC) $(TINYBENCH_LIB))
$B/obj/libpure.a $B/san/libpure.a:
	$Qrm -f $@ && ar rcs $@ $^
$B/tests/unit/%: $B/obj/tests/unit/%.o $B/obj/libpure.a
	$Q$(CC) $(CFLAGS) -o $@ $^ -lcmocka -lfdt -laio -lz -ljansson -lm
$B/tests/unit-san/%: $B/san/tests/unit/%.o $B/san/libpure.a
	$Q$(CC) $(CFLAGS) $(SAN) -o $@ $^ -lcmocka -lfdt -laio -lz -ljansson -lm

check: $B/guest/payload.bzImage $(UNIT:%=$B/tests/unit/%) $(UNIT:%=$B/tests/unit-san/%) $B/tinyvmm
	$Qtests/include-rules.sh
	$Qtests/run-unit.sh $(UNIT:%=$B/tests/unit/%) $(UNIT:%=$B/tests/unit-san/%)
check-kvm check-venue check-nested check-exact: all $(KVM_GUESTS) $(KVM_TOOLS)
	$Qtests/$(@:check-%=%)/run.sh $B

# Faults on purpose: a unit test has to notice each. MUTATE gives options, as in docs/testing.md.
mutate: $B/guest/payload.bzImage $(UNIT:%=$B/tests/unit/%) $(UNIT:%=$B/tests/unit-san/%)
	$Qtests/mutate/selftest.py && tests/mutate/mutate.py $(MUTATE) $B

check-all:
	$Qtests/deps.sh build check
	$Qfor t in check check-kvm; do $(MAKE) --no-print-directory $$t || exit 1; done
	$Qtests/report/check.sh $B
	$Qfor t in check-venue check-nested check-exact; do $(MAKE) --no-print-directory $$t || exit 1; done

demo:
	$Qtests/deps.sh build demo && $(MAKE) --no-print-directory all && tests/demo.sh $B

bench: export START := $(shell date +%s)
bench: all $(KVM_GUESTS) $(KVM_TOOLS)
	$QROUNDS=$(or $(ROUNDS),$(if $(QUICK),20,100)) tests/bench/bench.sh $B $(if $(QUICK),--quick)

# libFuzzer needs clang; FUZZ_SECONDS bounds each target.
FUZZ_SECONDS ?= 30
$B/fuzz/%: tests/fuzz/%.c $(filter-out vmm/vcpu.c,$(PURE_SRC))
	$Qclang $(CPPFLAGS) -std=gnu11 -pthread -g -O1 -fsanitize=fuzzer,address,undefined \
		-fno-sanitize-recover=all -o $@ $^ -lfdt -laio -lz
fuzz: $(patsubst tests/fuzz/%.c,$B/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
	$Qfor f in $^; do mkdir -p $$f.corpus && $$f -max_total_time=$(FUZZ_SECONDS) -print_final_stats=1 $$f.corpus || exit 1; done

SOURCES = $(shell git ls-files '*.c' '*.h')
lint:
	cppcheck --quiet --error-exitcode=1 --enable=warning,portability --inline-suppr --suppress=missingIncludeSystem \
		--suppress=ctuuninitvar --include=tests/lint.h -I. -D_GNU_SOURCE -DTINYVMM_VERSION='""' $(VMM_SRC) $(TINYBENCH_SRC)
	clang-format --dry-run --Werror $(SOURCES)
format:
	clang-format -i $(SOURCES)
install: $B/tinyvmm
	install -D -m 755 -s $B/tinyvmm $(DESTDIR)$(PREFIX)/bin/tinyvmm
	install -D -m 644 docs/tinyvmm.1 $(DESTDIR)$(PREFIX)/share/man/man1/tinyvmm.1
clean:
	rm -rf $B

-include $(shell find $B/obj $B/san $B/guest -name '*.d' 2>/dev/null)
