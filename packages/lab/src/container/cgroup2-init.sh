#!/bin/bash
# The first process of a host for containers: everything it has, from an initramfs. Says "CONTAINER-HOST-READY" on its console
# when its control groups, all of the second version, are there.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=vt100
# A container turns the root of its mounts, which the kernel lets nobody do with the initramfs itself: with it mounted once
# more it does.
if [ "$1" != again ]; then
  mount -t proc proc /proc
  mount --bind / /mnt
  cd /mnt
  mount --move . /
  exec chroot . /init again
fi
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620 pts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs -o size=90% tmp /tmp
mkdir -p /run/lock /var/lib/lxc /var/cache/lxc
ln -sfn /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
while read -r module; do insmod "/modules/$module"; done < /modules/order
# As systemd mounts them.
mount -t cgroup2 -o nsdelegate,memory_recursiveprot cgroup2 /sys/fs/cgroup
# As Debian starts: its kernel has AppArmor, and LXC starts nothing without its profiles there.
mount -t securityfs securityfs /sys/kernel/security
apparmor_parser --replace --skip-cache /etc/apparmor.d/lxc-containers
hostname containers
echo "127.0.0.1 localhost containers" > /etc/hosts
ip link set lo up
ip link set eth0 up
ip address add 10.0.2.15/24 dev eth0
ip route add default via 10.0.2.2
dropbear -R -E -s -p 22
echo "CONTAINER-HOST-READY $(cat /sys/fs/cgroup/cgroup.controllers)"
# The kernel panics when its first process ends.
while :; do sleep 1000000 & wait; done
