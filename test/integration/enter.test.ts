import { afterAll, beforeAll, expect, test } from "bun:test"
import { closeSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import { readNow, setNonBlocking, wouldBlock } from "../../src/linux/descriptor.ts"
import { NullDevices } from "../../src/linux/null-device.ts"
import { becomeSubreaper, discardChild, openPidfd } from "../../src/linux/pidfd.ts"
import { setWindowSize } from "../../src/linux/pty.ts"
import type { Process } from "../../src/oci/runtime-spec.ts"
import { availableCapabilities, defaultCapabilities, processCapabilities } from "../../src/runtime/capabilities.ts"
import type { ExecRequest } from "../../src/runtime/contract.ts"
import { openDriver } from "../../src/runtime/driver.ts"
import { probeRuntimes } from "../../src/runtime/probe.ts"
import { SeccompFilters } from "../../src/runtime/seccomp/filter.ts"
import { ConsoleSocket } from "../../src/shim/console.ts"
import { Span, type SpanRecord } from "../../src/trace/span.ts"
import { Bundles, outputPipe } from "../fixtures/bundle.ts"
import { eventually } from "../fixtures/eventually.ts"

const host = detectCgroups()
const crun = (await probeRuntimes({ host })).all.get("crun")!
const driver = openDriver(crun)
const bundles = new Bundles()
const nullDevices = new NullDevices()
const parent = `/barge-test-enter${process.pid}`
const spans: SpanRecord[] = []
const span = Span.root((record) => spans.push(record), "test", "test")

/** A container that sleeps, with Docker's capabilities and filter. */
class Sleeper implements AsyncDisposable {
  static #made = 0
  readonly id = `enter${process.pid}-${Sleeper.#made++}`
  readonly cgroup = openCgroup(host, `${parent}/${this.id}`)
  readonly #byUs = crun.cgroupsByUs
    ? ({ kind: "join", files: this.cgroup.joinFiles } as const)
    : ({ kind: "runtime" } as const)
  #init: NonNullable<ExecRequest["init"]> | undefined
  readonly #children: number[] = []

  static async start(): Promise<Sleeper> {
    const sleeper = new Sleeper()
    await sleeper.#start()
    return sleeper
  }

  async #start(): Promise<void> {
    const { id, cgroup } = this
    cgroup.create({})
    const bundle = bundles.make(id, ["/bin/sleep", "1000"], (spec) => {
      spec.linux.cgroupsPath = cgroup.path
      spec.linux.namespaces.push({ type: "cgroup" })
      const options = ["newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
      spec.mounts.push({ destination: "/dev/pts", type: "devpts", source: "devpts", options })
      spec.process.capabilities = processCapabilities(0, defaultCapabilities)
      Object.assign(spec, new SeccompFilters().for("default", defaultCapabilities, crun))
    })
    const stdio = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const
    const pid = await driver.run({ id, bundle, stateRoot: bundles.stateRoot, stdio, cgroup: this.#byUs, span })
    this.#children.push(pid)
    this.#init = { pid, pidfd: openPidfd(pid), bundle, cgroupFiles: cgroup.joinFiles }
  }

  /** Gives what enters from now on another seccomp profile. */
  filter(profile: string): void {
    const file = join(this.#init!.bundle, "config.json")
    const spec = JSON.parse(readFileSync(file, "utf8"))
    const filtered = new SeccompFilters().for(profile, defaultCapabilities, crun)
    writeFileSync(file, JSON.stringify({ ...spec, ...filtered }))
  }

  /** A further process, entered by ourselves or by crun. @returns its output, and whether it was entered or why not */
  async exec(wish: Partial<Process>, how: "enter" | "crun") {
    const processFile = join(bundles.directory, `${this.id}-exec.json`)
    writeFileSync(processFile, JSON.stringify({ ...plain, ...wish }))
    const output = outputPipe()
    const stdio = { stdin: nullDevices.open(), stdout: output.write, stderr: output.write }
    const { stateRoot } = bundles
    const request: ExecRequest = { id: this.id, execId: "e", stateRoot, processFile, stdio, cgroup: this.#byUs, span }
    spans.length = 0
    try {
      const { pid } = await driver.exec(how === "enter" ? { ...request, init: this.#init } : request)
      this.#children.push(pid)
      return { pid, ...told(), output }
    } catch (error) {
      return { pid: undefined, failure: (error as Error).message, ...told(), output }
    } finally {
      closeSync(stdio.stdin)
    }
  }

  /** A further process with a terminal. @returns all that it printed */
  async execWithTerminal(wish: Partial<Process>, how: "enter" | "crun"): Promise<string> {
    using console = new ConsoleSocket(bundles.directory)
    const processFile = join(bundles.directory, `${this.id}-exec.json`)
    writeFileSync(processFile, JSON.stringify({ ...plain, ...wish, terminal: true }))
    const stdio = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const
    const consoleSize = { height: 12, width: 34 }
    const common = { stateRoot: bundles.stateRoot, processFile, stdio, cgroup: this.#byUs, span, consoleSize }
    const request: ExecRequest = { id: this.id, execId: "e", ...common, consoleSocket: console.path }
    const { pid, terminal } = await driver.exec(how === "enter" ? { ...request, init: this.#init } : request)
    this.#children.push(pid)
    expect(terminal !== undefined).toBe(how === "enter")
    const master = terminal ?? console.take()
    if (how === "crun") setWindowSize(master, consoleSize)
    try {
      return await readTerminal(master)
    } finally {
      closeSync(master)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cgroup.kill()
    if (this.#init) closeSync(this.#init.pidfd)
    // An init does not end before what was started in its PID namespace is reaped.
    await Promise.all(this.#children.map(reaped))
    await driver.delete({ id: this.id, stateRoot: bundles.stateRoot })
    await this.cgroup.remove()
  }
}

/** Reads a terminal's master until no process has the other side. */
async function readTerminal(master: number): Promise<string> {
  setNonBlocking(master, true)
  const bytes = Buffer.alloc(65536)
  let text = ""
  await eventually(async () => {
    try {
      for (let count = readNow(master, bytes); count !== wouldBlock; count = readNow(master, bytes))
        text += bytes.toString("latin1", 0, count)
      return false
    } catch (error) {
      return (error as { code?: string }).code === "EIO"
    }
  }, "the end of a terminal's output")
  return text
}

/** Reaps a child of this process once it has ended. */
const reaped = (pid: number) =>
  eventually(async () => {
    discardChild(pid)
    return !existsSync(`/proc/${pid}`)
  }, `the end of ${pid}`)

/** What the trace says of the last exec. */
const told = () => ({
  because: spans.find(({ name }) => name === "enter")?.attributes?.["because"],
  entered: !spans.some(({ name }) => name === "crun exec"),
})

const script = (text: string): Partial<Process> => ({ args: ["sh", "-c", text, "zero", "one"] })

let sleeper: Sleeper
let subreaper: Disposable
beforeAll(async () => {
  subreaper = becomeSubreaper()
  sleeper = await Sleeper.start()
})
afterAll(async () => {
  await sleeper[Symbol.asyncDispose]()
  await openCgroup(host, parent).remove()
  nullDevices[Symbol.dispose]()
  // Other files' containers would wait for ever for processes of theirs that nobody here reaps.
  subreaper[Symbol.dispose]()
  bundles[Symbol.dispose]()
})

const plain: Process = {
  user: { uid: 0, gid: 0 },
  args: ["sh"],
  env: ["PATH=/sbin:/nowhere:/bin", "HOME=/root", "A=b c"],
  cwd: "/",
  capabilities: processCapabilities(0, defaultCapabilities),
}

/** Everything that a process is told about itself, but for what differs between any two. */
const whoAmI = `
  echo "$0 $@"
  grep -E '^(Umask|Uid|Gid|Groups|SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp|Speculation|Cpus_allowed:|CoreDumping|THP)' /proc/self/status
  cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup /proc/self/mountinfo
  for space in cgroup ipc mnt net pid pid_for_children time user uts; do readlink /proc/self/ns/$space; done
  cat /proc/self/attr/current /proc/self/personality /proc/self/timerslack_ns /proc/self/loginuid /proc/self/sessionid 2>&1
  set -- $(cat /proc/$$/stat); echo terminal $7 nice $(eval echo '${19}')
  for end in 0 1 2; do stat -L -c '%u %g %a %F' /proc/self/fd/$end; done
  ls /proc/$$/fd; pwd; env
  cat </proc/self/fd/0; unshare -n true 2>&1; mount -t tmpfs none /tmp 2>&1; touch /proc/sys/kernel/hostname 2>&1`

const all = availableCapabilities()
const some = ["CAP_NET_RAW", "CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"]
const kinds: [what: string, wish: Partial<Process>][] = [
  ["root with Docker's capabilities", {}],
  [
    "a user with groups",
    {
      user: { uid: 1000, gid: 100, additionalGids: [5, 2000] },
      capabilities: processCapabilities(1000, defaultCapabilities),
    },
  ],
  ["no new privileges", { noNewPrivileges: true }],
  [
    "a user without new privileges",
    { user: { uid: 65534, gid: 65534 }, noNewPrivileges: true, capabilities: processCapabilities(65534, []) },
  ],
  ["all capabilities", { capabilities: processCapabilities(0, all) }],
  ["root without capabilities", { capabilities: processCapabilities(0, []) }],
  [
    "capabilities that a user keeps",
    {
      user: { uid: 1000, gid: 1000 },
      capabilities: { bounding: some, effective: some, permitted: some, inheritable: some, ambient: some },
    },
  ],
  ["a umask of its own", { user: { uid: 0, gid: 0, umask: 0o077 } }],
  [
    "limits",
    {
      rlimits: [
        { type: "RLIMIT_NOFILE", soft: 123, hard: 456 },
        { type: "RLIMIT_CORE", soft: 0, hard: 0 },
        { type: "RLIMIT_RTTIME", soft: 1000000, hard: 2000000 },
      ],
    },
  ],
  ["another directory and environment", { cwd: "/tmp", env: ["HOME=/", "PATH=/bin", "EMPTY=", "UTF=ä"] }],
]

for (const [what, wish] of kinds)
  test(`a process that is entered is what crun makes of it: ${what}`, async () => {
    const own = { ...script(whoAmI), ...wish }
    const [entered, byCrun] = [await sleeper.exec(own, "enter"), await sleeper.exec(own, "crun")]
    expect(entered.because).toBeUndefined()
    expect([entered.entered, byCrun.entered]).toEqual([true, false])
    const text = await entered.output.text()
    expect(text).toBe(await byCrun.output.text())
    expect(text).toContain("Seccomp:\t2")
  })

/** What a process with a terminal is told of it; its number differs between any two. */
const aboutTerminal = `
  for end in 0 1 2; do stat -L -c '%u %g %a %F' /proc/self/fd/$end; done
  readlink /proc/$$/fd/0 | grep -c '^/dev/pts/[0-9]*$'
  echo to the terminal >/dev/tty; busybox stty -a | grep -v speed
  set -- $(cat /proc/$$/stat); test $7 -ne 0 && test $6 -eq $8 && echo controls
  ls /proc/$$/fd`

for (const [what, wish] of kinds.filter(([what]) => /user|root/.test(what)))
  test(`a terminal is what crun makes of it: ${what}`, async () => {
    const own = { ...wish, ...script(`sleep 0.1; ${aboutTerminal}`) }
    const entered = await sleeper.execWithTerminal(own, "enter")
    const byCrun = await sleeper.execWithTerminal(own, "crun")
    // crun leaves a terminal root's, so that its user cannot open it by name; runc gives it away.
    expect(entered).toBe(byCrun.replaceAll(/^0 5 620/gm, `${own.user?.uid ?? 0} 5 620`))
    expect(entered).toContain("to the terminal")
    expect(entered).toContain("controls")
  })

test("a terminal has its size before its process runs", async () => {
  const stty = { args: ["busybox", "stty", "size"] }
  expect(await sleeper.execWithTerminal(stty, "enter")).toBe("12 34\r\n")
})

test("a process leads a session of its own, is in the container's control groups, and has nothing else open", async () => {
  const { pid, entered } = await sleeper.exec({ args: ["sleep", "1000"] }, "enter")
  expect(entered).toBe(true)
  expect(sleeper.cgroup.pids()).toContain(pid!)
  const [group, session] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ").slice(2, 4)
  expect([group, session].map(Number)).toEqual([pid!, pid!])
  expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).toBe("sleep\x001000\0")
  expect(readdirSync(`/proc/${pid}/fd`)).toEqual(["0", "1", "2"])
})

const denied = (...names: string[]) =>
  JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names, action: "SCMP_ACT_ERRNO" }] })

test("a process is started once, whatever the container's filter forbids", async () => {
  for (const call of ["write", "exit_group", "clone", "close", "setsid", "capset", "execve"]) {
    await using own = await Sleeper.start()
    // crun goes on with the filter that it has noted: with many of these it starts nothing either.
    own.filter(denied(call))
    const before = new Set(own.cgroup.pids())
    const outcome = await own.exec({ args: ["sleep", "1000"] }, "enter")
    expect(outcome.entered).toBe(call === "exit_group" || call === "write")
    expect(own.cgroup.pids().filter((pid) => !before.has(pid))).toEqual([outcome.pid!])
  }
})

test("a process that ends at once is started once, however soon it is gone", async () => {
  const counted = join(bundles.rootfs, "tmp", "counted")
  for (let round = 0; round < 50; round++) {
    const { entered, output } = await sleeper.exec(script("echo x >>/tmp/counted"), "enter")
    expect(entered).toBe(true)
    await output.text()
  }
  expect(readFileSync(counted, "utf8")).toBe("x\n".repeat(50))
})

test("a process has the score for the OOM killer that it is given, which crun gives to init alone", async () => {
  const { output } = await sleeper.exec({ ...script("cat /proc/self/oom_score_adj"), oomScoreAdj: 345 }, "enter")
  expect(await output.text()).toBe("345\n")
})

const failing: [what: string, wish: Partial<Process>, failure: string][] = [
  ["a program that is not there", { args: ["nope"] }, 'exec: "nope": executable file not found in $PATH: unknown'],
  ["a path that is not there", { args: ["/nope"] }, 'exec: "/nope": stat /nope: no such file or directory: unknown'],
  ["a program that cannot be executed", { args: ["/etc/passwd"] }, 'exec: "/etc/passwd": permission denied: unknown'],
  ["a program of no known format", { args: ["/tmp/empty"] }, 'exec: "/tmp/empty": exec format error: unknown'],
  ["a directory that is not there", { cwd: "/nope" }, 'chdir to cwd ("/nope") set in config.json failed: no such file'],
]

for (const [what, wish, failure] of failing)
  test(`a process that cannot be started is told of in Docker's words, and the runtime is not asked: ${what}`, async () => {
    writeFileSync(join(bundles.rootfs, "tmp/empty"), "", { mode: 0o755 })
    const before = sleeper.cgroup.pids()
    const outcome = await sleeper.exec({ ...script("true"), ...wish }, "enter")
    expect(outcome).toMatchObject({ entered: true, failure: expect.stringContaining(failure) })
    expect(await outcome.output.text()).toBe("")
    expect(sleeper.cgroup.pids().filter((pid) => !before.includes(pid))).toEqual([])
  })

const left: [what: string, wish: Partial<Process> & { capabilities?: undefined }, because: string][] = [
  ["PATH with a relative directory", { env: ["PATH=bin", "HOME=/"] }, "relative"],
  ["no HOME", { env: ["PATH=/bin"] }, "HOME"],
  ["no capabilities told", { capabilities: undefined }, "capabilities"],
]

for (const [what, wish, because] of left)
  test(`what is out of the ordinary is left to crun: ${what}`, async () => {
    const outcome = await sleeper.exec({ ...script("true"), ...wish }, "enter")
    expect(outcome.because).toContain(because)
    expect(outcome.entered).toBe(false)
    expect(outcome).not.toHaveProperty("failure")
    await outcome.output.text()
  })
