/* SPDX-License-Identifier: MIT */
/* The figures of Vaucher's study. */
#include "guest/tinybench/report/study.h"

static const struct study_row table_2[] = {
	{"noploop, execution time (ms)", "2.391", "2.397 (+0.25 %)", "2.393 (+0.08 %)",
	 "cpu.noploop", NULL},
	{"PXZ compression (MB/s)", "76.2", "62.2 (-18.4 %)", "73.5 (-3.5 %)", "cpu.compress",
	 "deflate in place of LZMA: a smaller dictionary presses less on the TLB"},
	{"Linpack (GFLOPS)", "290.8", "284.2 (-2.3 %)", "290.9", "cpu.linpack",
	 "one CPU, no AVX: compare ratios, not GFLOPS"},
	{"STREAM copy (GB/s)", "43.48", "42.53 (-2.2 %)", "43.40", "mem.stream_copy", NULL},
	{"netperf TCP latency (us)", "48.2", "91.6 (+90 %)", "59.8 (+24 %)", "net.tcp_rr_64",
	 "the payload has no TCP stack"},
	{"netperf UDP latency (us)", "47.2", "87.0 (+84 %)", "53.7 (+14 %)", "net.udp_rr_64",
	 "to a peer on this host, over no wire"},
	{"nuttcp throughput (Gbit/s)", "9.34", "9.28", "9.32", "net.udp_pps_1400",
	 "packets a second of 1400 bytes"},
	{"fio sequential r/w (MB/s)", "779.0", "771.1 (-1 %)", "779.5", "blk.seqread",
	 "reading alone"},
	{"fio random mixed (IO/s)", "104,553", "50,737 (-51.5 %)", "104,518", "blk.randmix_qd32",
	 NULL},
	{"image size, Ubuntu + MySQL (MB)", "n/a", "1080", "381.5", "life.image",
	 "ours holds one program and no distribution"},
	{"boot time (s)", "n/a", "19.4", "3.85", "life.total",
	 "start to end of a program with nothing to do"},
	{0},
};

static const struct study_row table_4[] = {
	{"idle power", "100 %", "+24 %", "+23 %", "energy.idle", "by RAPL and not at the wall"},
	{"execution time (raytrace)", "100 %", "+5.9 %", "+0.3 %", "cpu.noploop",
	 "another program"},
	{"energy", "100 %", "+12 %", "+9.8 %", "energy.noploop",
	 "idle power taken off, by RAPL and not at the wall"},
	{0},
};

const struct study_row *study_table_2(size_t i)
{
	return table_2[i].name ? &table_2[i] : NULL;
}

const struct study_row *study_table_4(size_t i)
{
	return table_4[i].name ? &table_4[i] : NULL;
}
