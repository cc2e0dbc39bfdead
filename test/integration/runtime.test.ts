import { afterAll, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { detectCgroups, openCgroup } from "../../src/linux/cgroup.ts"
import type { Cgroup } from "../../src/linux/cgroup-contract.ts"
import { mount, mountFlags, umount } from "../../src/linux/mount.ts"
import type { RuntimeSpec } from "../../src/oci/runtime-spec.ts"
import type { RuntimeDriver, RuntimeInfo } from "../../src/runtime/contract.ts"
import { openDriver } from "../../src/runtime/driver.ts"
import { probeRuntimes } from "../../src/runtime/probe.ts"
import { noSink, Span } from "../../src/trace/span.ts"
import { Bundles, outputPipe } from "../fixtures/bundle.ts"

const host = detectCgroups()
const { all } = await probeRuntimes({ host })
const crun = all.get("crun")!
const runc = all.get("runc")!
const span = Span.root(noSink, "test", "test")
const bundles = new Bundles()
const parent = `/barge-test-${process.pid}`

afterAll(async () => {
  bundles[Symbol.dispose]()
  await openCgroup(host, parent).remove()
})

const variants: RuntimeInfo[] = [crun, runc, { ...runc, name: "custom", family: "other" }]
if (host.mode === "hybrid") variants.push({ ...crun, name: "crun with cgroup2 out of sight", hideUnified: true })

let next = 0

class Run implements AsyncDisposable {
  readonly id = `r${process.pid}-${next++}`
  readonly cgroup: Cgroup = openCgroup(host, `${parent}/${this.id}`)
  readonly driver: RuntimeDriver

  constructor(info: RuntimeInfo) {
    this.driver = openDriver(info)
  }

  get join() {
    return this.driver.info.cgroupsByUs
      ? ({ kind: "join", files: this.cgroup.joinFiles } as const)
      : ({ kind: "runtime" } as const)
  }

  request(args: string[], output: number | "ignore", adjust: (spec: RuntimeSpec) => void = () => {}) {
    this.cgroup.create({})
    const bundle = bundles.make(this.id, args, (spec) => {
      spec.linux.cgroupsPath = this.cgroup.path
      adjust(spec)
    })
    const stdio = { stdin: "ignore", stdout: output, stderr: output } as const
    return { id: this.id, bundle, stateRoot: bundles.stateRoot, stdio, cgroup: this.join, span }
  }

  async exec(args: string[], output: number | "ignore"): Promise<number> {
    const processFile = join(bundles.directory, `${this.id}-exec.json`)
    const process = { user: { uid: 0, gid: 0 }, args, env: ["PATH=/bin"], cwd: "/" }
    writeFileSync(processFile, JSON.stringify(process))
    const stdio = { stdin: "ignore", stdout: output, stderr: output } as const
    const { id, join: cgroup } = this
    const request = { id, execId: "e", stateRoot: bundles.stateRoot, processFile, stdio, cgroup, span }
    return (await this.driver.exec(request)).pid
  }

  async [Symbol.asyncDispose]() {
    this.cgroup.kill()
    await this.driver.delete({ id: this.id, stateRoot: bundles.stateRoot })
    await this.cgroup.remove()
  }
}

for (const info of variants)
  describe(info.name, () => {
    test("a container runs, prints, and leaves nothing behind", async () => {
      const output = outputPipe()
      const id = await (async () => {
        await using run = new Run(info)
        const pid = await run.driver.run(run.request(["/bin/echo", "hello"], output.write))
        expect(pid).toBeGreaterThan(1)
        expect(await output.text()).toBe("hello\n")
        return run.id
      })()
      expect(readdirSync(bundles.stateRoot).filter((name) => name.startsWith(id))).toEqual([])
      expect(openCgroup(host, `${parent}/${id}`).exists()).toBe(false)
    })

    test("a container starts also where a mount that its launch is to be given cannot be had", async () => {
      const driver = openDriver(info)
      for (const attempt of ["first", "second"]) {
        await using run = new Run(info)
        const output = outputPipe()
        const request = run.request(["/bin/echo", attempt], output.write)
        await driver.run({ ...request, carriedMounts: [join(bundles.directory, "missing")] })
        expect(await output.text()).toBe(`${attempt}\n`)
      }
    })

    test("its processes are in the container's control groups, execs too", async () => {
      await using run = new Run(info)
      const pid = await run.driver.run(run.request(["/bin/sleep", "1000"], "ignore"))
      const second = await run.exec(["/bin/sleep", "1000"], "ignore")
      expect([...run.cgroup.pids()]).toEqual(expect.arrayContaining([pid, second]))
      const lines = readFileSync(`/proc/${second}/cgroup`, "utf8").trim().split("\n")
      const expected = lines.filter((line) => !line.startsWith("0::") || host.mode === "unified")
      expect(expected.filter((line) => !line.endsWith(`${parent}/${run.id}`))).toEqual([])
    })

    test("create leaves the process waiting until start", async () => {
      await using run = new Run(info)
      const output = outputPipe()
      const request = run.request(["/bin/echo", "started"], output.write)
      const pid = await run.driver.create(request)
      expect(readFileSync(`/proc/${pid}/cmdline`, "utf8")).not.toContain("/bin/echo")
      await run.driver.start(request)
      expect(await output.text()).toBe("started\n")
    })

    const failing: [what: string, words: string, args: string[], adjust?: (spec: RuntimeSpec) => void][] = [
      ["a command that is not in PATH", `exec: "nope": executable file not found in $PATH`, ["nope"]],
      ["a path that does not exist", `exec: "/nope": stat /nope: no such file or directory`, ["/nope"]],
      ["a file without execute permission", `exec: "/etc/passwd": permission denied`, ["/etc/passwd"]],
      [
        "a bind mount whose source is missing",
        "/no/such/source: no such file or directory",
        ["/bin/true"],
        (spec) => spec.mounts.push({ destination: "/x", type: "bind", source: "/no/such/source", options: ["bind"] }),
      ],
    ]
    for (const [what, words, args, adjust] of failing)
      test(`${what} fails in Docker's words and leaves no state`, async () => {
        await using run = new Run(info)
        const failure: Error = await run.driver.run(run.request(args, "ignore", adjust)).then(
          () => new Error("it ran"),
          (error: Error) => error,
        )
        expect(failure.message).toStartWith(
          "failed to create task for container: failed to create shim task: OCI runtime create failed: ",
        )
        expect(failure.message).toContain(words)
        expect(failure.message).toEndWith(": unknown")
        expect(existsSync(join(bundles.stateRoot, run.id))).toBe(false)
      })

    test("an exec whose command is missing fails in Docker's words", async () => {
      await using run = new Run(info)
      await run.driver.run(run.request(["/bin/sleep", "1000"], "ignore"))
      const failure: Error = await run.exec(["nope"], "ignore").then(
        () => new Error("it ran"),
        (error: Error) => error,
      )
      expect(failure.message).toStartWith("OCI runtime exec failed: exec failed: unable to start container process: ")
      expect(failure.message).toContain(`exec: "nope": executable file not found in $PATH: unknown`)
    })

    test("a mount made in a shared bind mount reaches the host, and the host's mounts reach the container", async () => {
      await using run = new Run(info)
      const shared = join(bundles.directory, `${run.id}-shared`)
      mkdirSync(join(shared, "inner"), { recursive: true })
      mkdirSync(join(shared, "late"))
      mount({ source: shared, target: shared, flags: mountFlags.bind })
      mount({ source: "none", target: shared, flags: mountFlags.shared })
      try {
        const request = run.request(["/bin/sleep", "1000"], "ignore", (spec) => {
          spec.mounts.push({ destination: "/mnt", type: "bind", source: shared, options: ["rbind", "rshared"] })
          spec.linux.rootfsPropagation = "shared"
          const capabilities = ["CAP_SYS_ADMIN"]
          spec.process.capabilities = {
            bounding: capabilities,
            effective: capabilities,
            permitted: capabilities,
            inheritable: [],
            ambient: [],
          }
        })
        const pid = await run.driver.run(request)
        mount({ source: "none", target: join(shared, "late"), type: "tmpfs" })
        writeFileSync(join(shared, "late/file"), "late")
        expect(readFileSync(`/proc/${pid}/root/mnt/late/file`, "utf8")).toBe("late")
        const output = outputPipe()
        await run.exec(["/bin/sh", "-c", "mount -t tmpfs none /mnt/inner && echo inner >/mnt/inner/file"], output.write)
        expect(await output.text()).toBe("")
        expect(readFileSync(join(shared, "inner/file"), "utf8")).toBe("inner\n")
        run.cgroup.kill()
      } finally {
        for (const name of ["late", "inner", ""]) {
          try {
            umount(join(shared, name), { detach: true })
          } catch {}
        }
      }
      rmdirSync(join(shared, "late"))
    })
  })

test("a host with controllers on v2 beside v1 gets crun out of sight of them, and the reason is told", async () => {
  if (host.mode !== "hybrid") return
  const hybrid = { ...host, unifiedControllers: ["hugetlb"] }
  const found = await probeRuntimes({ host: hybrid })
  expect(found.default.name).toBe("crun")
  expect(found.default.hideUnified).toBe(true)
  expect(found.default.reason).toContain("hugetlb")
  expect(existsSync("/sys/fs/cgroup/unified/cgroup.controllers")).toBe(true)
})

test("a default runtime that is not there is refused by name", async () => {
  await expect(probeRuntimes({ default: "nope" })).rejects.toThrow("the default runtime nope cannot be used")
})
