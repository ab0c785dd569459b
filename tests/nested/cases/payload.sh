# SPDX-License-Identifier: MIT
# The payloads of tests/kvm run here too, on another kind of KVM: the same table, the same runner.

payloads() {
	. /results.sh
	. /kvm/lib.sh
	# On ext4, because a tmpfs has no O_DIRECT.
	mkdir -p /tmp/disk && mount -t ext4 /dev/vda /tmp/disk && mkdir -p $WORK
	# What tests/kvm/run.sh makes beforehand.
	printf 'sixteen letters.and more' >$GUESTS/module
	printf 'SIXTEEN LETTERS.AND MORE' >$GUESTS/my,module
	gzip -c $GUESTS/three.elf >$GUESTS/three.elf.gz
	gzip -c $GUESTS/pvh.elf >$GUESTS/pvh.elf.gz
	run_table </kvm/cases
	. /kvm/disks.sh
	. /kvm/resets.sh
	rm -rf $WORK
	umount /tmp/disk
}

if [ -z "$only" ] || echo payload: | grep -Eq -- "$only"; then
	TINYVMM=/bin/tinyvmm GUESTS=/build/tests/kvm WORK=/tmp/disk/work
	payloads 2>&1 | sed -n -e 's/^\(ok\|SKIP\)  */@@ \1 payload: /p' \
		-e 's/^FAIL  *\(.*\)/@@ FAIL payload: \1\n@@ ./p'
fi
