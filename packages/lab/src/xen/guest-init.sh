#!/bin/sh
# The first process of a guest of Xen: says that it is there, then a shell on its console.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done < /modules/order
echo "GUEST-READY $(cat /sys/hypervisor/guest_type)"
# With "count" on its command line it counts in memory and says so each second: who looks sees that it is the same one.
# With "write" it writes each number to its disk, and says it when it is there.
note() { echo "COUNT $1" | dd of=/dev/xvda bs=512 seek="$1" conv=sync,fsync,notrunc 2> /dev/null; }
grep -qw write /proc/cmdline || note() { :; }
if grep -qw count /proc/cmdline; then
  (n=0; while :; do n=$((n + 1)); note "$n" && echo "COUNT $n"; sleep 1; done) &
fi
while :; do setsid cttyhack sh; done
