import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test"
import { spawn } from "node:child_process"
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

const inTestMachine = process.env["BARGE_TEST_VM"] === "1"

test.skipIf(!inTestMachine)(
  "CRIU works in the test machine (elsewhere this file has nothing to say: run npm run test:vm)",
  async () => {
    const { code, stdout, stderr } = await runProgram("criu", ["check"])
    expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: expect.stringContaining("Looks good.\n") })
  },
)

/** Prints 0, 1, 2, …, and keeps the last one in a file. */
const counting = (file = "/n") => `i=0; while true; do echo $i; echo $i > ${file}; i=$((i+1)); sleep 0.2; done`

if (inTestMachine)
  describe("checkpoints", () => {
    let daemon: TestDaemon
    const barge = (...args: string[]) => daemon.barge(...args)
    const out = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await barge(...args)
      if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
      return stdout.trim()
    }
    const refused = async (...args: string[]): Promise<string> => {
      const { code, stderr } = await barge(...args)
      expect({ args, code }).toEqual({ args, code: 1 })
      return stderr.trim().replace(/^Error response from daemon: /, "")
    }
    const numbers = async (name: string) => (await out("logs", name)).split("\n").map(Number)
    const reaches = (name: string, wanted: number) =>
      eventually(async () => (await numbers(name)).at(-1)! >= wanted, `${name} counts to ${wanted}`)
    const count = async (name: string, ...options: string[]) => {
      await out("run", "-d", "--name", name, ...options, "busybox", "sh", "-c", counting())
      await reaches(name, 2)
    }
    const inspect = (name: string, field: string) => out("inspect", "-f", `{{.${field}}}`, name)
    const folderOf = async (name: string) => join(daemon.root, "data", "containers", await inspect(name, "Id"))
    /** Without gap and without repetition. */
    const expectRow = async (name: string) => {
      const seen = await numbers(name)
      expect(seen).toEqual(seen.map((_, index) => index))
    }

    beforeAll(async () => {
      daemon = await TestDaemon.start(["--experimental"])
      await daemon.bootstrap()
    })
    afterEach(async () => {
      const names = (await out("ps", "-aq")).split("\n").filter(Boolean)
      if (names.length > 0) await out("rm", "-f", ...names)
    })
    afterAll(async () => {
      await daemon?.[Symbol.asyncDispose]()
    })

    test("an experimental daemon takes the runtime that can make them, and says why", async () => {
      const { body } = await daemon.json<{ DefaultRuntime: string; Runtimes: Record<string, unknown> }>("GET", "/info")
      expect(body.DefaultRuntime).toBe("runc")
      expect(body.Runtimes["runc"]).toMatchObject({
        status: { reason: "the default for the sake of checkpoints, which crun cannot make" },
      })
    })

    test("a start from a checkpoint goes on where the processes were, and nothing of their output is lost", async () => {
      await count("one", "--restart", "always")
      const since = Date.now() / 1000
      const pid = await inspect("one", "State.Pid")
      expect(await out("checkpoint", "create", "one", "first")).toBe("first")
      expect(await inspect("one", "State.Status")).toBe("exited")
      expect(await inspect("one", "State.ExitCode")).toBe("137")
      const before = (await numbers("one")).at(-1)!
      expect(await out("checkpoint", "ls", "one")).toBe("CHECKPOINT NAME\nfirst")
      expect(await out("start", "--checkpoint", "first", "one")).toBe("")
      expect(await inspect("one", "State.Running")).toBe("true")
      expect(await inspect("one", "State.Pid")).not.toBe(pid)
      await reaches("one", before + 3)
      await expectRow("one")
      expect(await out("exec", "one", "sh", "-c", "[ $(cat /n) -gt 2 ] && echo runs")).toBe("runs")
      const until = Math.ceil(Date.now() / 1000)
      const events = await out("events", "--since", `${since}`, "--until", `${until}`, "--format", "{{.Action}}")
      expect(events.split("\n")).toContain("checkpoint")
      expect(events.split("\n").filter((action) => action === "start")).toHaveLength(1)
    })

    test("left running it goes on; the checkpoint serves for any number of starts, until it is removed", async () => {
      await count("two")
      await out("checkpoint", "create", "--leave-running", "two", "then")
      const then = (await numbers("two")).at(-1)!
      await reaches("two", then + 2)
      await expectRow("two")
      expect(await refused("checkpoint", "create", "two", "then")).toBe(
        "Cannot checkpoint container two: checkpoint with name then already exists for container two",
      )
      for (const _ of [1, 2]) {
        await out("kill", "two")
        const lines = (await numbers("two")).length
        await out("start", "--checkpoint", "then", "two")
        await eventually(async () => (await numbers("two")).length > lines + 2, "the restored one counts on")
        const [first, second] = (await numbers("two")).slice(lines)
        expect([first! <= then + 1, second]).toEqual([true, first! + 1])
      }
      expect(await out("checkpoint", "rm", "two", "then")).toBe("")
      expect(await out("checkpoint", "ls", "two")).toBe("CHECKPOINT NAME")
      expect(await refused("checkpoint", "rm", "two", "then")).toBe("checkpoint then does not exist for container two")
      await out("kill", "two")
      expect(await refused("start", "--checkpoint", "then", "two")).toBe(
        "checkpoint then does not exist for container two",
      )
    })

    test("input and attached output work after a restore", async () => {
      const reading = 'n=0; while read word; do n=$((n+1)); echo "$n $word"; [ $word = end ] && exit 5; done'
      await out("run", "-d", "-i", "--name", "reader", "busybox", "sh", "-c", reading)
      const attached = spawn(`${import.meta.dir}/../../dist/barge`, [
        "-H",
        `unix://${daemon.socket}`,
        "attach",
        "reader",
      ])
      attached.stdin.write("first\n")
      await eventually(async () => (await out("logs", "reader")) === "1 first", "the first answer")
      attached.kill("SIGKILL")
      await out("checkpoint", "create", "reader", "mid")
      const again = await runProgram(
        executable,
        ["-H", `unix://${daemon.socket}`, "start", "-a", "-i", "--checkpoint", "mid", "reader"],
        { input: "second\nend\n" },
      )
      expect(again).toEqual({ code: 5, stdout: "2 second\n3 end\n", stderr: "" })
      expect(await out("logs", "reader")).toBe("1 first\n2 second\n3 end")
    })

    test("mounts, limits, addresses and published ports are there again", async () => {
      const bind = join(daemon.root, "bind")
      mkdirSync(bind)
      writeFileSync(join(bind, "index.html"), "served\n")
      const port = 20_000 + (process.pid % 10_000)
      const command = `httpd -p 80 -h /bind; ${counting("/volume/n")}`
      const options = [
        "-v",
        `${bind}:/bind`,
        "-v",
        "kept:/volume",
        "-m",
        "64m",
        "--pids-limit",
        "40",
        "-p",
        `${port}:80`,
      ]
      // CRIU does not follow the link that leads to the directory.
      symlinkSync(bind, `${bind}-link`)
      await out("run", "-d", "--name", "web", ...options, "busybox", "sh", "-c", command)
      await reaches("web", 2)
      const fetched = async () => (await fetch(`http://127.0.0.1:${port}/`)).text()
      expect(await fetched()).toBe("served\n")
      const address = await inspect("web", "NetworkSettings.Networks.bridge.IPAddress")
      await out("checkpoint", "create", "web", "up")
      expect(await fetched().catch(() => "nobody")).toBe("nobody")
      writeFileSync(join(bind, "index.html"), "changed meanwhile\n")
      await out("start", "--checkpoint", "up", "web")
      expect(await inspect("web", "NetworkSettings.Networks.bridge.IPAddress")).toBe(address)
      expect(await fetched()).toBe("changed meanwhile\n")
      const limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/pids.max"]
      expect(await out("exec", "web", "cat", ...limits)).toBe(`${64 * 1024 * 1024}\n40`)
      expect(await out("exec", "web", "ip", "-4", "addr", "show", "eth0")).toContain(`inet ${address}/`)
      const last = (await numbers("web")).at(-1)!
      await reaches("web", last + 2)
      expect(Number(await out("exec", "web", "cat", "/volume/n"))).toBeGreaterThan(last)
      await expectRow("web")
      await out("rm", "-f", "web")
      await out("volume", "rm", "kept")
    })

    test("a checkpoint in a directory of its own outlives its container, and another one goes on from it", async () => {
      const dir = join(daemon.root, "moved")
      await count("source", "--rm")
      await out("checkpoint", "create", "--checkpoint-dir", dir, "source", "travel")
      expect((await barge("inspect", "source")).code).toBe(1)
      await out("create", "-m", "50m", "--name", "target", "busybox", "sh", "-c", counting())
      expect(await out("checkpoint", "ls", "target")).toBe("CHECKPOINT NAME")
      expect(await out("checkpoint", "ls", "--checkpoint-dir", dir, "target")).toBe("CHECKPOINT NAME\ntravel")
      await out("start", "--checkpoint", "travel", "--checkpoint-dir", dir, "target")
      await reaches("target", 5)
      expect((await numbers("target"))[0]).toBeGreaterThan(2)
      const group = `/${daemon.bridge}/${await inspect("target", "Id")}`
      expect(readFileSync(`/proc/${await inspect("target", "State.Pid")}/cgroup`, "utf8")).toBe(`0::${group}\n`)
      expect(await out("exec", "target", "cat", "/sys/fs/cgroup/memory.max")).toBe(String(50 * 1024 * 1024))
      await out("checkpoint", "rm", "--checkpoint-dir", dir, "target", "travel")
      expect(readdirSync(dir)).toEqual([])
    })

    test("a container's own checkpoints go with it", async () => {
      await count("gone")
      await out("checkpoint", "create", "gone", "too")
      const folder = await folderOf("gone")
      expect(existsSync(join(folder, "checkpoints", "too"))).toBe(true)
      await out("rm", "gone")
      expect(existsSync(folder)).toBe(false)
    })

    test("what cannot be written goes on running; CRIU's words are told, and nothing is listed", async () => {
      const talk = "nc -l -p 90 -e sleep 1000 & sleep 1; nc 127.0.0.1 90 -e sleep 1000 & wait"
      await out("run", "-d", "--name", "talker", "--restart", "always", "busybox", "sh", "-c", talk)
      await eventually(
        async () => (await out("exec", "talker", "netstat", "-tn")).includes("ESTABLISHED"),
        "a connection",
      )
      const pid = await inspect("talker", "State.Pid")
      const folder = await folderOf("talker")
      const words = await refused("checkpoint", "create", "talker", "never")
      expect(words).toStartWith("Cannot checkpoint container talker: runc checkpoint failed: criu failed: ")
      expect(words).toContain("Connected TCP socket")
      expect(words).toEndWith(`; CRIU's log is ${folder}/criu/dump.log`)
      expect(readFileSync(join(folder, "criu", "dump.log"), "utf8")).toContain("Connected TCP socket")
      expect(await out("checkpoint", "ls", "talker")).toBe("CHECKPOINT NAME")
      expect(readdirSync(join(folder, "checkpoints"))).toEqual([])
      expect([await inspect("talker", "State.Running"), await inspect("talker", "State.Pid")]).toEqual(["true", pid])
    })

    test("what cannot be restored is refused with CRIU's words, and the container can be started afresh", async () => {
      await out("run", "-d", "--name", "reads", "busybox", "sh", "-c", "echo lines > /file; exec tail -f /file")
      await eventually(async () => (await out("logs", "reads")) === "lines", "the file is read")
      await out("checkpoint", "create", "reads", "open")
      const other = join(daemon.root, "file")
      writeFileSync(other, "of another length\n")
      await out("cp", other, "reads:/file")
      const folder = await folderOf("reads")
      const words = await refused("start", "--checkpoint", "open", "reads")
      expect(words).toStartWith("runc restore failed: criu failed: ")
      expect(words).toMatch(/File file has bad size/)
      expect(words).toEndWith(`; CRIU's log is ${folder}/criu/restore.log`)
      expect(await inspect("reads", "State.Status")).toBe("exited")
      await out("start", "reads")
      await eventually(async () => (await out("logs", "reads")) === "lines\nlines", "the file is read again")
    })

    test("states and runtimes that have none are refused", async () => {
      await out("run", "-d", "-t", "--name", "tty", "busybox", "top")
      expect(await refused("checkpoint", "create", "tty", "no")).toBe("checkpoint not supported on containers with tty")
      await out("run", "-d", "--runtime", "crun", "--name", "crun", "busybox", "top")
      expect(await refused("checkpoint", "create", "crun", "no")).toBe(
        "Cannot checkpoint container crun: it runs in crun, which cannot make or restore checkpoints; create it with --runtime runc",
      )
      await count("paused")
      await out("pause", "paused")
      expect(await refused("checkpoint", "create", "paused", "no")).toContain(
        "is paused: unpause it before a checkpoint",
      )
      await out("unpause", "paused")
    })

    test("a daemon that is killed over it loses no process: the checkpoint appears when it is whole", async () => {
      await count("crash")
      const folder = await folderOf("crash")
      const checkpoints = join(folder, "checkpoints")
      const asked = barge("checkpoint", "create", "crash", "whole")
      await eventually(async () => existsSync(join(folder, "criu", "dump.log")), "the checkpoint has begun")
      await daemon.end("SIGKILL")
      expect((await asked).code).toBe(1)
      await daemon.startAgain()
      await eventually(
        async () => (await out("checkpoint", "ls", "crash")).endsWith("whole"),
        "the checkpoint is whole",
      )
      await eventually(async () => (await inspect("crash", "State.Status")) === "exited", "its end is known")
      expect(readdirSync(checkpoints)).toEqual(["whole"])
      const before = (await numbers("crash")).at(-1)!
      await out("start", "--checkpoint", "whole", "crash")
      await reaches("crash", before + 2)
      await expectRow("crash")
    })

    test("a restored container's output outlives the shim", async () => {
      await count("long")
      await out("checkpoint", "create", "long", "here")
      await out("start", "--checkpoint", "here", "long")
      const shim = parentOf(await inspect("long", "State.Pid"))
      process.kill(shim, "SIGKILL")
      const before = (await numbers("long")).at(-1)!
      await reaches("long", before + 3)
      await expectRow("long")
    })
  })

/** The parent of a process: an init's is the shim. */
const parentOf = (pid: string): number =>
  Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1])
