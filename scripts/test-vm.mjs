// npm run test:vm: the container tests on a stock Debian kernel with pure cgroup v2, under qemu without KVM; then the
// same machine goes on under systemd, for the tests of the system-wide installation.
// The kernel package is downloaded, not installed; the root file system is made of Debian packages. Both are kept in .cache.
// npm run test:vm -- --arch=arm64: the same (without systemd) on another processor than this one's.
import { spawn } from "node:child_process"
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs"
import { join } from "node:path"
import { build } from "./build.mjs"
import { ensurePackages } from "./packages.mjs"
import { bun, capture, fail, onPath, root, run, say } from "./tools.mjs"
import { machineOf } from "./vm-machine.mjs"

const words = process.argv.slice(2)
const wanted = words.find((word) => word.startsWith("--arch="))?.slice("--arch=".length)
const chosen = words.filter((word) => !word.startsWith("--"))
/** Besides its own: how a process is entered depends on the control groups and on the processor. */
const tests = chosen.length > 0 ? chosen : ["test/vm", "test/integration/enter.test.ts"]
const machine = machineOf(wanted) ?? fail("There are test machines with --arch=x64 and --arch=arm64.")
ensurePackages({
  qemu: { met: () => onPath(machine.program), apt: machine.qemuPackage },
  cpio: { met: () => onPath("cpio"), apt: "cpio" },
  kmod: { met: () => onPath("depmod"), apt: "kmod" },
  mmdebstrap: { met: () => onPath("mmdebstrap"), apt: "mmdebstrap" },
  mke2fs: { met: () => onPath("mke2fs"), apt: "e2fsprogs" },
  xz: { met: () => onPath("xz"), apt: "xz-utils" },
})
const cache = join(root, ".cache", machine.foreign ? `vm-${machine.name}` : "vm")
mkdirSync(cache, { recursive: true })
chmodSync(cache, 0o755)
const program = machine.foreign ? foreignBun() : bun()
const built = machine.foreign
  ? build({ force: true, executable: join(cache, "barge"), cross: { target: machine.target, bun: program } })
  : build()

/** The environment of the tests in the machine. */
const environment =
  "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin HOME=/root LANG=C.UTF-8 NO_COLOR=1 BARGE_TEST_VM=1"

/** What a system has of itself before packages are configured, and a shell script needs. */
const unconfigured =
  "bash,dash,coreutils,mount,hostname,util-linux,sed,grep,findutils,tar,gzip,base-files,base-passwd,libc-bin"

/** Runs under systemd as the last thing of the machine. */
const systemdCheck = `[Unit]
Description=Barge's tests of the installation
[Service]
Type=oneshot
Environment=${environment}
WorkingDirectory=/barge
ExecStart=/bin/sh -c 'timeout 1200 bun test --timeout=600000 test/vm/systemd.test.ts 2>&1; echo "VM: tests under systemd ended with $?"; sync; echo o > /proc/sysrq-trigger'
StandardOutput=file:/dev/console
StandardError=inherit
`

const kernel = fetchKernel()
const base = makeBase()
const disk = makeDisk()
const initramfs = makeInitramfs()
await boot()

/** The pinned Bun of the machine's processor, of its npm package. */
function foreignBun() {
  const folder = join(cache, "bun")
  const file = join(folder, "package", "bin", "bun")
  if (existsSync(file)) return file
  say(`Downloading Bun for ${machine.name}`)
  const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).optionalDependencies[
    `@oven/${machine.bun}`
  ]
  mkdirSync(folder, { recursive: true })
  run("npm", ["pack", "--silent", `@oven/${machine.bun}@${version}`], { cwd: folder, stdio: "ignore" })
  const archive = readdirSync(folder).find((each) => each.endsWith(".tgz"))
  run("tar", ["-xzf", archive], { cwd: folder })
  rmSync(join(folder, archive))
  return file
}

/** APT's options for the machine's packages; another processor's are looked up apart from the system's own. */
function aptOptions() {
  if (!machine.foreign) return []
  const state = join(cache, "apt")
  for (const part of ["state/lists/partial", "cache/archives/partial"])
    mkdirSync(join(state, part), { recursive: true })
  writeFileSync(join(state, "state", "status"), "")
  return [
    `Dir::State=${join(state, "state")}`,
    `Dir::State::status=${join(state, "state", "status")}`,
    `Dir::Cache=${join(state, "cache")}`,
    `APT::Architecture=${machine.debian}`,
    `APT::Architectures=${machine.debian}`,
    "APT::Sandbox::User=root",
  ].flatMap((option) => ["-o", option])
}

/** Debian's newest 6.12 cloud kernel, unpacked. */
function fetchKernel() {
  const unpacked = join(cache, "kernel")
  if (!existsSync(unpacked)) {
    say("Downloading Debian's 6.12 cloud kernel")
    const apt = aptOptions()
    const pattern = `^linux-image-6\\.12\\..*cloud-${machine.debian}-unsigned$`
    const find = () =>
      (capture("apt-cache", [...apt, "search", "--names-only", pattern]) ?? "")
        .split("\n")
        .map((line) => line.split(" ")[0])
        .filter(Boolean)
        .sort((a, b) => a.localeCompare(b, "en", { numeric: true }))
        .at(-1)
    let name = find()
    if (!name) {
      run("apt-get", [...apt, "update", "-qq"])
      name = find()
    }
    if (!name) fail("The distribution has no 6.12 cloud kernel package (Debian 12 with security updates has).")
    run("apt-get", [...apt, "download", "-qq", name], { cwd: cache, stdio: ["ignore", "ignore", "ignore"] })
    const file = readdirSync(cache).find((each) => each.startsWith(name) && each.endsWith(".deb"))
    run("dpkg-deb", ["-x", file, "kernel.new"], { cwd: cache })
    renameSync(`${unpacked}.new`, unpacked)
    rmSync(join(cache, file))
  }
  const version = readdirSync(join(unpacked, "lib", "modules"))[0]
  return {
    version,
    image: join(unpacked, "boot", `vmlinuz-${version}`),
    modules: join(unpacked, "lib", "modules", version),
  }
}

/** A minimal Debian with what Barge needs. */
function makeBase() {
  const include =
    "apparmor,systemd,crun,runc,criu,iptables,libnftables1,busybox-static,procps,tini,kmod,iproute2,nftables,curl,ca-certificates,zstd,xz-utils,iperf3"
  const folder = join(cache, "base")
  const made = join(cache, "base.packages")
  if (existsSync(folder) && existsSync(made) && readFileSync(made, "utf8") === include) return folder
  say("Making the test machine's root file system")
  for (const old of [folder, `${folder}.new`]) rmSync(old, { recursive: true, force: true })
  const how = machine.foreign
    ? ["--variant=extract", `--architectures=${machine.debian}`, `--include=${include},${unconfigured}`]
    : ["--variant=minbase", `--include=${include}`]
  run("mmdebstrap", ["--quiet", ...how, "bookworm", `${folder}.new`])
  if (machine.foreign) {
    for (const name of ["passwd", "group"])
      cpSync(join(`${folder}.new`, "usr/share/base-passwd", `${name}.master`), join(`${folder}.new`, "etc", name))
  }
  renameSync(`${folder}.new`, folder)
  writeFileSync(made, include)
  return folder
}

/** The disk: the base, this checkout, its Bun, the kernel's modules, and the program that runs as init. */
function makeDisk() {
  const folder = join(cache, "root")
  rmSync(folder, { recursive: true, force: true })
  run("cp", ["-a", base, folder])
  const home = join(folder, "barge")
  mkdirSync(join(home, "dist"), { recursive: true })
  for (const part of ["src", "test", "scripts", "packaging", "package.json", "package-lock.json", "tsconfig.json"])
    cpSync(join(root, part), join(home, part), { recursive: true })
  cpSync(built, join(home, "dist", "barge"))
  // Younger than its sources by more than the disk's clock can tell: nothing is built in the machine.
  const later = Date.now() / 1000 + 60
  utimesSync(join(home, "dist", "barge"), later, later)
  cpSync(program, join(folder, "usr", "local", "bin", "bun"))
  installedPackages(home)
  mkdirSync(join(folder, "lib", "modules"), { recursive: true })
  run("cp", ["-a", kernel.modules, join(folder, "lib", "modules", kernel.version)])
  run("depmod", ["-b", folder, kernel.version], { stdio: "ignore" })
  writeFileSync(join(folder, "vm-init"), initProgram(), { mode: 0o755 })
  const image = join(cache, "disk.ext4")
  rmSync(image, { force: true })
  run("mke2fs", ["-q", "-t", "ext4", "-d", folder, "-E", "lazy_itable_init=1,lazy_journal_init=1", image, "3G"])
  rmSync(folder, { recursive: true, force: true })
  return image
}

/** What the set-up scripts look for to see that the npm packages are there. */
function installedPackages(home) {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"))
  for (const name of Object.keys({ ...dependencies, ...devDependencies }))
    mkdirSync(join(home, "node_modules", name), { recursive: true })
  const folder = join(home, "node_modules", "@oven", machine.bun, "bin")
  mkdirSync(folder, { recursive: true })
  symlinkSync("/usr/local/bin/bun", join(folder, "bun"))
}

/** The machine's init: the tests, then systemd with its own, where the machine's packages could be configured. */
function initProgram() {
  const systemd = `cat > /etc/systemd/system/barge-check.service <<'END'
${systemdCheck}END
mkdir -p /etc/systemd/system/multi-user.target.wants
ln -sf ../barge-check.service /etc/systemd/system/multi-user.target.wants/barge-check.service
ln -sf /lib/systemd/system/multi-user.target /etc/systemd/system/default.target
exec /lib/systemd/systemd --show-status=0 --log-level=err`
  const end = "sync; echo o > /proc/sysrq-trigger; sleep 60"
  return `#!/bin/sh
export ${environment}
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t cgroup2 -o nsdelegate cgroup2 /sys/fs/cgroup
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
mkdir -p /dev/pts /dev/shm
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts /dev/pts
mount -t tmpfs tmpfs /dev/shm
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs tmpfs /tmp
for module in overlay bridge veth nf_tables nft_chain_nat nft_nat nft_ct nft_masq nft_redir nft_fib_inet nf_conntrack erofs loop dummy macvlan ipvlan 8021q sctp; do modprobe $module; done
# Packages of a foreign machine are not configured: what their alternatives would be.
for name in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do [ -e /usr/sbin/$name ] || ln -s xtables-nft-multi /usr/sbin/$name; done
ip link set lo up
hostname barge-vm
echo nameserver 127.0.0.1 > /etc/resolv.conf
echo 1 > /proc/sys/net/ipv4/ip_forward
cd /barge
echo "VM: $(uname -r), cgroup v2 controllers: $(cat /sys/fs/cgroup/cgroup.controllers)"
timeout 3000 bun test --timeout=600000 ${tests.join(" ")} 2>&1
echo "VM: tests ended with $?"
${machine.foreign ? end : systemd}
`
}

/** What finds the disk and becomes its init: busybox and one module. */
function makeInitramfs() {
  const folder = join(cache, "initramfs")
  rmSync(folder, { recursive: true, force: true })
  for (const name of ["bin", "dev", "root"]) mkdirSync(join(folder, name), { recursive: true })
  cpSync(join(base, "bin", "busybox"), join(folder, "bin", "busybox"))
  const found = capture("find", [kernel.modules, "-name", "virtio_blk.ko*"]).trim()
  const module = join(folder, found.split("/").at(-1))
  cpSync(found, module)
  if (module.endsWith(".xz")) run("xz", ["-d", module])
  writeFileSync(
    join(folder, "init"),
    `#!/bin/busybox sh
/bin/busybox insmod /virtio_blk.ko
/bin/busybox mount -t devtmpfs dev /dev
while [ ! -b /dev/vda ]; do /bin/busybox sleep 0.1; done
/bin/busybox mount -t ext4 /dev/vda /root
/bin/busybox mount --move /dev /root/dev
exec /bin/busybox switch_root /root /vm-init
`,
    { mode: 0o755 },
  )
  const image = join(cache, "initramfs.img")
  run("sh", ["-c", `find . | cpio --quiet -o -H newc > ${JSON.stringify(image)}`], { cwd: folder })
  rmSync(folder, { recursive: true, force: true })
  return image
}

/** Boots the machine, once more where the emulator broke its kernel, and ends with the tests' result. */
async function boot() {
  say("Booting the test machine (no KVM: this takes minutes)")
  let output = await emulate()
  // A kernel replaces its own code by way of a breakpoint; with several emulated processors one of them may still run into that.
  if (output.includes("Oops: int3: 0000") && output.includes("Kernel panic")) {
    say("The emulator broke the machine's kernel (int3); booting it once more")
    output = await emulate()
  }
  rmSync(disk, { force: true })
  const count = (word) =>
    [...output.matchAll(new RegExp(`^\\s*(\\d+) ${word}$`, "gm"))].reduce((sum, [, number]) => sum + Number(number), 0)
  const ends = [/VM: tests ended with (\d+)/, ...(machine.foreign ? [] : [/VM: tests under systemd ended with (\d+)/])]
  const codes = ends.map((pattern) => pattern.exec(output)?.[1])
  console.log(`\n${count("pass")} passed, ${count("fail")} failed, ${count("skip")} skipped`)
  if (codes.includes(undefined)) fail("The test machine ended before its tests did")
  if (codes.some((code) => code !== "0")) fail("The tests failed in the test machine")
}

/** Runs the machine until it ends, showing what it says. Its disk stays as it was. @returns all that it said */
async function emulate() {
  const qemu = spawn(
    machine.program,
    [
      ...machine.board,
      "-cpu",
      machine.cpu,
      "-smp",
      String(machine.processors),
      "-m",
      "2048",
      "-accel",
      "tcg,thread=multi",
      "-nographic",
      "-no-reboot",
      "-net",
      "none",
      "-kernel",
      kernel.image,
      "-initrd",
      initramfs,
      "-append",
      [
        `console=${machine.console} quiet panic=-1 systemd.unified_cgroup_hierarchy=1 apparmor=1 security=apparmor`,
        ...machine.kernelOptions,
      ].join(" "),
      "-drive",
      `file=${disk},format=raw,if=virtio,cache=unsafe,snapshot=on`,
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  )
  let output = ""
  for await (const chunk of qemu.stdout) {
    const text = chunk.toString("utf8").replaceAll("\r", "")
    output += text
    process.stdout.write(text)
  }
  return output
}
