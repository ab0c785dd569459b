# SPDX-License-Identifier: MIT
# Made-up results for every group and plot of the report, as samples.jsonl.gz has them:
#	awk -f samples.awk </dev/null | gzip >DIR/samples.jsonl.gz
function noise() { return 1 + (rand() - 0.5) / 50 }

function sample(bench, unit, better, arm, round, value) {
	printf "{\"type\":\"sample\",\"bench\":\"%s\",\"arm\":\"%s\",\"round\":%d,\"i\":0,\"value\":%.9g," \
		"\"unit\":\"%s\",\"better\":\"%s\",\"warmup\":%s}\n", bench, arm, round, value * noise(),
		unit, better, round ? "false" : "true"
}

# The arms' factors on top of native's value.
function bench(name, unit, better, value, container, vm,	round) {
	for (round = 0; round <= 8; round++) {
		sample(name, unit, better, "native", round, value)
		if (container)
			sample(name, unit, better, "container", round, value * container)
		if (vm)
			sample(name, unit, better, "vm", round, value * vm)
	}
}

BEGIN {
	srand(1)
	print "{\"type\":\"run\",\"schema\":\"tinybench-samples-1\",\"date\":\"2026-01-01T00:00:00Z\",\"seed\":1," \
		"\"first_round\":0,\"settings\":{},\"bench_file\":{\"sha256\":\"0000\"}," \
		"\"host\":{\"cpu\":\"a <CPU> & more\",\"cpus\":2,\"kernel\":\"6.0\",\"kvm\":\"none\"}," \
		"\"warnings\":[\"these are made-up figures\"]," \
		"\"arms\":{\"native\":{\"text\":\"t\",\"detail\":null},\"container\":{\"text\":\"t\"," \
		"\"detail\":null},\"vm\":{\"text\":\"t\",\"detail\":null}},\"benches\":[]}"
	bench("cpu.noploop", "ms", "lower", 2.4, 1, 1.001)
	bench("cpu.linpack", "GFLOPS", "higher", 8, 1, 0.98)
	bench("cpu.compress", "MB/s", "higher", 50, 0.97, 0.9)
	split("16k 64k 256k 1m 4m 16m 64m 256m 1g", sizes, " ")
	for (i = 1; i <= 9; i++) {
		bench("mem.chase_" sizes[i], "ns", "lower", 2 ^ i, 1, 1 + i / 20)
		bench("mem.random_" sizes[i], "ns", "lower", 1.5 ^ i, 1, 1 + i / 30)
		for (round = 9; round <= 16; round++) {
			sample("mem.chase_" sizes[i], "ns", "lower", "native:pages=4k", round, 2 ^ i)
			sample("mem.chase_" sizes[i], "ns", "lower", "vm:pages=4k", round, 2.3 ^ i)
			sample("mem.chase_" sizes[i], "ns", "lower", "native:pages=thp", round, 1.8 ^ i)
			sample("mem.chase_" sizes[i], "ns", "lower", "vm:pages=thp", round, 1.9 ^ i)
		}
	}
	bench("mem.stream_copy", "GB/s", "higher", 40, 1, 0.98)
	bench("trap.cpuid", "ns", "lower", 100, 1, 12)
	split("pio_out pio_in mmio_read mmio_write", kinds, " ")
	for (i = 1; i <= 4; i++)
		for (round = 0; round <= 8; round++) {
			sample("trap." kinds[i], "ns", "lower", "vm", round, 1500 + 100 * i)
			sample("trap." kinds[i] "_way_out", "ns", "lower", "vm", round, 700 + 50 * i)
			sample("trap." kinds[i] "_handling", "ns", "lower", "vm", round, 150)
			sample("trap." kinds[i] "_way_back", "ns", "lower", "vm", round, 640 + 50 * i)
		}
	for (i = 1; i <= 64; i *= 2) {
		bench("blk.randread_qd" i, "IO/s", "higher", 10000 * sqrt(i), 1, 0.6)
		bench("blk.randwrite_qd" i, "IO/s", "higher", 8000 * sqrt(i), 1, 0.5)
		bench("blk.randmix_qd" i, "IO/s", "higher", 9000 * sqrt(i), 1, 0.55)
	}
	bench("blk.seqread", "MB/s", "higher", 2500, 1, 0.99)
	bench("net.udp_rr_64", "us", "lower", 12, 1.1, 4)
	bench("life.first_output", "ms", "lower", 0.5, 60, 5)
	bench("life.total", "ms", "lower", 0.6, 65, 8)
	bench("life.image", "KiB", "lower", 400, 1, 1.2)
	bench("energy.noploop", "J", "lower", 20, 1, 1.05)
	for (arm = 0; arm < 3; arm++) {
		printf "{\"type\":\"series\",\"kind\":\"power\",\"bench\":\"energy.noploop\",\"arm\":\"%s\",\"points\":[",
			arm == 0 ? "native" : arm == 1 ? "container" : "vm"
		for (i = 0; i < 50; i++)
			printf "%s[%g,%g]", i ? "," : "", i / 20, (i > 5 && i < 45 ? 30 : 12) * noise()
		print "]}"
	}
}
