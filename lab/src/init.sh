#!/bin/busybox sh
# The first process of the lab: prepares the machine, runs /lab/job, leaves an archive on the disk, ends.
#
# ttyS0 is the kernel's console, ttyS1 the standard output of the job, ttyS2 its standard error; from ttyS3 something
# comes every second, which wakes a machine that has missed its timer. The disk gets a newc archive of /lab/out: the
# job's status and, in files/, what it left in its working directory.

export PATH=/bin:/usr/bin:/usr/sbin HOME=/root TMPDIR=/tmp

if [ "$1" != moved ]; then
    /bin/busybox --install -s /bin
    # pivot_root(2) cannot leave the initramfs itself, and containers must. So become a mount on top of it.
    mount --bind / /mnt && cd /mnt && mount --move . / && exec chroot . /init moved
    exit 1
fi

mount -t devtmpfs dev /dev
exec </dev/null >/dev/ttyS0 2>&1
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ln -s /proc/self/fd /dev/fd
chmod 666 /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty
hostname lab
ip link set lo up
for module in $(cat /lab/modules); do insmod "/lab/module/$module" || echo "lab: cannot load $module"; done
stty -F /dev/ttyS1 raw -echo
stty -F /dev/ttyS2 raw -echo
stty -F /dev/ttyS3 raw -echo
cat /dev/ttyS3 >/dev/null &
echo "lab: up"
# Whatever a job does, this goes on, unless the machine itself has stopped.
while sleep 20; do echo "lab: alive"; done &

# As in a login session: not in the root of the hierarchy, where the rules are different.
mkdir /sys/fs/cgroup/session
mkdir -p /lab/out/files
mkfifo /lab/stdout /lab/stderr
cat /lab/stdout >/dev/ttyS1 & first=$!
cat /lab/stderr >/dev/ttyS2 & second=$!
(
    echo 0 >/sys/fs/cgroup/session/cgroup.procs
    cd /lab/out/files
    . /lab/job
) >/lab/stdout 2>/lab/stderr
echo $? >/lab/out/status
wait $first $second

cd /lab/out && find . | cpio -o -H newc >/dev/nvme0n1 && sync && echo "lab: done"
reboot -f
