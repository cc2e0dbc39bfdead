import { afterAll, beforeAll, expect, test } from "bun:test"
import { closeSync, readdirSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import { NullDevices } from "../../src/linux/null-device.ts"
import { openPidfd } from "../../src/linux/pidfd.ts"
import type { Process } from "../../src/oci/runtime-spec.ts"
import { availableCapabilities, defaultCapabilities, processCapabilities } from "../../src/runtime/capabilities.ts"
import type { ExecRequest } from "../../src/runtime/contract.ts"
import { openDriver } from "../../src/runtime/driver.ts"
import { probeRuntimes } from "../../src/runtime/probe.ts"
import { SeccompFilters } from "../../src/runtime/seccomp/filter.ts"
import { Span, type SpanRecord } from "../../src/trace/span.ts"
import { Bundles, outputPipe } from "../fixtures/bundle.ts"

const host = detectCgroups()
const crun = (await probeRuntimes({ host })).all.get("crun")!
const driver = openDriver(crun)
const bundles = new Bundles()
const nullDevices = new NullDevices()
const id = `enter${process.pid}`
const cgroup = openCgroup(host, `/barge-test-${id}/${id}`)
const byUs = crun.cgroupsByUs ? ({ kind: "join", files: cgroup.joinFiles } as const) : ({ kind: "runtime" } as const)
const spans: SpanRecord[] = []
const span = Span.root((record) => spans.push(record), "test", "test")
let init: NonNullable<ExecRequest["init"]>

beforeAll(async () => {
  cgroup.create({})
  const bundle = bundles.make(id, ["/bin/sleep", "1000"], (spec) => {
    spec.linux.cgroupsPath = cgroup.path
    spec.linux.namespaces.push({ type: "cgroup" })
    spec.process.capabilities = processCapabilities(0, defaultCapabilities)
    Object.assign(spec, new SeccompFilters().for("default", defaultCapabilities, crun))
  })
  const stdio = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const
  const pid = await driver.run({ id, bundle, stateRoot: bundles.stateRoot, stdio, cgroup: byUs, span })
  init = { pid, pidfd: openPidfd(pid), bundle, cgroupFiles: cgroup.joinFiles }
})

afterAll(async () => {
  closeSync(init.pidfd)
  cgroup.kill()
  await driver.delete({ id, stateRoot: bundles.stateRoot })
  await cgroup.remove()
  await openCgroup(host, `/barge-test-${id}`).remove()
  nullDevices[Symbol.dispose]()
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

/** Runs `script` as a further process, entered by ourselves or by crun. @returns what it prints, and whether it was entered */
async function exec(wish: Partial<Process>, script: string, how: "enter" | "crun") {
  const processFile = join(bundles.directory, `${id}-exec.json`)
  const own: Process = { ...plain, args: ["sh", "-c", script, "zero", "one"], ...wish }
  writeFileSync(processFile, JSON.stringify(own))
  const output = outputPipe()
  const stdin = nullDevices.open()
  const stdio = { stdin, stdout: output.write, stderr: output.write }
  spans.length = 0
  const request: ExecRequest = { id, execId: "e", stateRoot: bundles.stateRoot, processFile, stdio, cgroup: byUs, span }
  const outcome = await driver.exec(how === "enter" ? { ...request, init } : request).then(
    (pid) => ({ pid }),
    (error: Error) => ({ failure: error.message }),
  )
  closeSync(stdin)
  const because = spans.find(({ name }) => name === "enter")?.attributes?.["because"]
  return { ...outcome, because, entered: !spans.some(({ name }) => name === "crun exec"), output }
}

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
    const [entered, byCrun] = [await exec(wish, whoAmI, "enter"), await exec(wish, whoAmI, "crun")]
    expect(entered.because).toBeUndefined()
    expect([entered.entered, byCrun.entered]).toEqual([true, false])
    const text = await entered.output.text()
    expect(text).toBe(await byCrun.output.text())
    expect(text).toContain("Seccomp:\t2")
  })

test("a process leads a session of its own, is in the container's control groups, and has nothing else open", async () => {
  const { pid, entered } = (await exec({ args: ["sleep", "1000"] }, "", "enter")) as { pid: number; entered: boolean }
  expect(entered).toBe(true)
  expect(cgroup.pids()).toContain(pid)
  const [group, session] = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1]!.split(" ").slice(2, 4)
  expect([group, session].map(Number)).toEqual([pid, pid])
  expect(readFileSync(`/proc/${pid}/cmdline`, "latin1")).toBe("sleep\x001000\0")
  expect(readdirSync(`/proc/${pid}/fd`)).toEqual(["0", "1", "2"])
})

test("a process has the score for the OOM killer that it is given, which crun gives to init alone", async () => {
  const { output } = await exec({ oomScoreAdj: 345 }, "cat /proc/self/oom_score_adj", "enter")
  expect(await output.text()).toBe("345\n")
})

const left: [
  what: string,
  wish: Partial<Process> & { capabilities?: undefined },
  because: string,
  failure: string | undefined,
][] = [
  ["a program that is not there", { args: ["nope"] }, "execve: ENOENT", "executable file not found in $PATH"],
  ["a program that cannot be executed", { args: ["/etc/passwd"] }, "execve: EACCES", "permission denied"],
  ["a directory that is not there", { cwd: "/nope" }, "could not be entered", "no such file or directory"],
  ["PATH with a relative directory", { env: ["PATH=bin", "HOME=/"] }, "relative", undefined],
  ["no HOME", { env: ["PATH=/bin"] }, "HOME", undefined],
  ["no capabilities told", { capabilities: undefined }, "capabilities", undefined],
]

for (const [what, wish, because, failure] of left)
  test(`what is out of the ordinary is left to crun, with its words: ${what}`, async () => {
    const outcome = await exec(wish, "true", "enter")
    expect(outcome.because).toContain(because)
    expect(outcome.entered).toBe(false)
    if (failure === undefined) expect(outcome).not.toHaveProperty("failure")
    else expect(outcome).toMatchObject({ failure: expect.stringContaining(failure) })
    await outcome.output.text()
  })
