# SPDX-License-Identifier: MIT
# That the venue is what the other cases take it for.

kvm_amd_with_nested_paging() {
	grep -qw svm /proc/cpuinfo || fail "level 1's CPU has no svm"
	[ -c /dev/kvm ] || fail "no /dev/kvm"
	same "kvm_amd's parameter npt" "$(cat /sys/module/kvm_amd/parameters/npt)" Y
}

it "the venue's /dev/kvm is kvm_amd with nested paging" kvm_amd_with_nested_paging
