import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { type Outcome, TestDaemon } from "../fixtures/daemon.ts"
import { otherWords } from "../fixtures/docker-cli.ts"

/** What a user does with containers, through one of the two command lines. */
export function containerSuite(client: "docker" | "barge"): void {
  describe(`containers through ${client}`, () => {
    let daemon: TestDaemon
    const run = (...args: string[]): Promise<Outcome> => daemon[client](...args)
    const out = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await run(...args)
      if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
      return stdout
    }

    beforeAll(async () => {
      daemon = await TestDaemon.start()
      await daemon.bootstrap()
    })
    afterAll(async () => {
      await daemon?.[Symbol.asyncDispose]()
    })

    test("run prints what the process prints, each stream on its own", async () => {
      const { code, stdout, stderr } = await run("run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3")
      expect({ code, stdout, stderr }).toEqual({ code: 3, stdout: "out\n", stderr: "err\n" })
    })

    test("run -i gives the process what is piped in, up to its end", async () => {
      const { runProgram, executable } = await import("../fixtures/daemon.ts")
      const command = client === "docker" ? "docker" : executable
      const input = "x".repeat(300_000)
      const { stdout, code } = await runProgram(
        command,
        ["-H", `unix://${daemon.socket}`, "run", "--rm", "-i", "busybox", "wc", "-c"],
        { input },
      )
      expect({ code, stdout: stdout.trim() }).toEqual({ code: 0, stdout: "300000" })
    })

    test("without a terminal the keys that detach are bytes like any other, in what is piped to run and to exec", async () => {
      const { runProgram, executable } = await import("../fixtures/daemon.ts")
      const command = client === "docker" ? "docker" : executable
      const input = "before\u0010\u0011after\u0010\u0011"
      await out("run", "-d", "--name", "piped", "busybox", "sleep", "1000")
      for (const words of [
        ["run", "--rm", "-i", "busybox"],
        ["exec", "-i", "piped"],
      ]) {
        const { code, stdout } = await runProgram(command, ["-H", `unix://${daemon.socket}`, ...words, "cat"], {
          input,
        })
        expect({ code, stdout }).toEqual({ code: 0, stdout: input })
      }
      await out("rm", "-f", "piped")
    })

    // Older clients of docker end with 125 where 28 ends with 126.
    test.skipIf(client === "docker" && otherWords !== undefined)(
      "what cannot be run ends with 127, 126 and 125",
      async () => {
        const missing = await run("run", "--rm", "busybox", "no-such-program")
        expect(missing.code).toBe(127)
        expect(missing.stderr).toContain("executable file not found in $PATH")
        expect((await run("run", "--rm", "busybox", "/etc")).code).toBe(126)
        expect((await run("run", "--rm", "--memory", "1", "busybox", "true")).code).toBe(125)
      },
    )

    test("a container ends at once after execs that could not be started in it", async () => {
      await out("run", "-d", "--name", "ended", "busybox", "sleep", "1000")
      expect((await run("exec", "ended", "no-such-program")).code).toBe(127)
      expect((await run("exec", "ended", "/etc")).code).toBe(126)
      await out("kill", "ended")
      expect(await out("wait", "ended")).toBe("137\n")
      await out("rm", "ended")
    })

    test("environment, user, directory, entrypoint and hostname are as asked for", async () => {
      expect(await out("run", "--rm", "-e", "A=1", "busybox", "sh", "-c", "echo $A")).toBe("1\n")
      expect(await out("run", "--rm", "-u", "65534:65534", "busybox", "id", "-u")).toBe("65534\n")
      expect(await out("run", "--rm", "-w", "/tmp", "busybox", "pwd")).toBe("/tmp\n")
      expect(await out("run", "--rm", "--entrypoint", "echo", "busybox", "hello")).toBe("hello\n")
      expect(await out("run", "--rm", "-h", "box", "busybox", "hostname")).toBe("box\n")
    })

    test("a user may open its stdio again, and owns nothing of the host's over it", async () => {
      const before = statSync("/dev/null")
      const reopen = "cat </dev/stdin; echo out >/dev/stdout; echo err >/dev/stderr; chmod 0 /proc/self/fd/0"
      const printed = { code: 0, stdout: "out\n", stderr: "err\n" }
      expect(await run("run", "--rm", "-u", "65534", "busybox", "sh", "-c", reopen)).toEqual(printed)
      await out("run", "-d", "--name", "owned", "busybox", "sleep", "1000")
      expect(await run("exec", "-u", "65534", "owned", "sh", "-c", reopen)).toEqual(printed)
      await out("rm", "-f", "owned")
      const after = statSync("/dev/null")
      expect([after.uid, after.gid, after.mode]).toEqual([before.uid, before.gid, before.mode])
    })

    test("a directory of the host is there with -v, read-only where asked", async () => {
      const folder = `${daemon.root}/shared`
      mkdirSync(folder)
      writeFileSync(`${folder}/a`, "from the host")
      expect(await out("run", "--rm", "-v", `${folder}:/x`, "busybox", "sh", "-c", "cat /x/a; echo back > /x/b")).toBe(
        "from the host",
      )
      expect(readFileSync(`${folder}/b`, "utf8")).toBe("back\n")
      const refused = await run("run", "--rm", "-v", `${folder}:/x:ro`, "busybox", "touch", "/x/c")
      expect(refused.stderr).toContain("Read-only file system")
      expect(existsSync(`${folder}/c`)).toBe(false)
    })

    test("a named volume keeps its data and begins with what the image has there", async () => {
      await out("run", "--rm", "-v", "vol:/data", "busybox", "sh", "-c", "echo kept > /data/f")
      expect(await out("run", "--rm", "-v", "vol:/data", "busybox", "cat", "/data/f")).toBe("kept\n")
      expect(await out("run", "--rm", "-v", "etcvol:/etc", "busybox", "sh", "-c", "ls /etc | grep -c passwd")).toBe(
        "1\n",
      )
    })

    test("a read-only root refuses writes, tmpfs and shm take them", async () => {
      const { code, stderr } = await run("run", "--rm", "--read-only", "busybox", "touch", "/x")
      expect(code).not.toBe(0)
      expect(stderr).toContain("Read-only file system")
      const text = await out(
        "run",
        "--rm",
        "--read-only",
        "--tmpfs",
        "/t:size=1m",
        "busybox",
        "sh",
        "-c",
        "touch /t/x /dev/shm/y && df -k /dev/shm | tail -1 | awk '{print $2}'",
      )
      expect(text.trim()).toBe("65536")
    })

    test("memory, processor and process limits are the kernel's", async () => {
      const oom = await run(
        "run",
        "--name",
        "oom",
        "--memory",
        "32m",
        "--memory-swap",
        "32m",
        "busybox",
        "sh",
        "-c",
        "tail -c 200m /dev/zero | wc -c; dd if=/dev/zero of=/dev/null bs=100M count=1",
      )
      expect(oom.code).not.toBe(0)
      expect(await out("inspect", "-f", "{{.State.OOMKilled}}", "oom")).toBe("true\n")
      await out("rm", "oom")
      const forks = await run(
        "run",
        "--rm",
        "--pids-limit",
        "5",
        "busybox",
        "sh",
        "-c",
        "for i in 1 2 3 4 5 6 7 8; do sleep 2 & done; wait",
      )
      expect(forks.stderr).toContain("fork")
      const quota = await out(
        "run",
        "--rm",
        "--cpus",
        "0.5",
        "busybox",
        "sh",
        "-c",
        "cat /sys/fs/cgroup/cpu.max 2>/dev/null || cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us",
      )
      expect(quota.trim()).toMatch(/^50000\b/)
    })

    test("privileges are Docker's defaults, dropped and added as asked", async () => {
      const caps = "grep CapEff /proc/self/status | cut -f2"
      expect(await out("run", "--rm", "busybox", "sh", "-c", caps)).toBe("00000000a80425fb\n")
      expect(await out("run", "--rm", "--cap-drop", "ALL", "busybox", "sh", "-c", caps)).toBe("0000000000000000\n")
      expect(await out("run", "--rm", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "busybox", "sh", "-c", caps)).toBe(
        "0000000000001000\n",
      )
      expect((await run("run", "--rm", "busybox", "mount", "-t", "tmpfs", "x", "/mnt")).code).not.toBe(0)
      expect(await out("run", "--rm", "busybox", "sh", "-c", "grep Seccomp: /proc/self/status | cut -f2")).toBe("2\n")
    })

    test("a device that was not given cannot be used, even when the container makes its node", async () => {
      const { stdout } = await run(
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "mknod /tmp/mem c 1 1 && head -c1 /tmp/mem; echo $?; head -c1 /dev/zero | wc -c",
      )
      expect(stdout).toMatch(/^1\n1\n$/)
    })

    test("with --init an init is PID 1 and reaps", async () => {
      const text = await out("run", "--rm", "--init", "busybox", "sh", "-c", "cat /proc/1/comm; echo $$")
      expect(text.split("\n")[0]).toMatch(/init|tini|catatonit/)
    })

    test("a detached container is listed, has logs, takes execs, and ends when stopped", async () => {
      const id = (
        await out(
          "run",
          "-d",
          "--name",
          "web",
          "busybox",
          "sh",
          "-c",
          "trap 'echo bye; exit 0' TERM; echo hello; while :; do sleep 0.1; done",
        )
      ).trim()
      expect(id).toMatch(/^[0-9a-f]{64}$/)
      // Its trap is set when it has spoken.
      while ((await out("logs", "web")) === "");
      expect(await out("ps", "--format", "{{.Names}} {{.Image}} {{.State}}")).toContain("web busybox running")
      expect(await out("exec", "web", "sh", "-c", "echo $HOSTNAME")).toBe(`${id.slice(0, 12)}\n`)
      expect((await run("exec", "web", "sh", "-c", "exit 7")).code).toBe(7)
      expect(await out("top", "web")).toContain("sleep")
      await out("stop", "web")
      expect(await out("logs", "web")).toBe("hello\nbye\n")
      expect(await out("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "web")).toBe("exited 0\n")
      await out("rm", "web")
      expect((await run("inspect", "web")).code).toBe(1)
    })

    test("start, restart, kill, pause, rename, wait and update do what they say", async () => {
      await out("create", "--name", "one", "busybox", "sleep", "1000")
      expect(await out("start", "one")).toBe("one\n")
      await out("restart", "-t", "0", "one")
      await out("pause", "one")
      expect(await out("inspect", "-f", "{{.State.Status}}", "one")).toBe("paused\n")
      await out("unpause", "one")
      await out("rename", "one", "two")
      await out("update", "--memory", "64m", "--memory-swap", "128m", "two")
      expect(await out("inspect", "-f", "{{.HostConfig.Memory}}", "two")).toBe("67108864\n")
      const waiting = out("wait", "two")
      await out("kill", "two")
      expect(await waiting).toBe("137\n")
      await out("rm", "two")
    })

    test("logs can be followed to the end of the container", async () => {
      await out("run", "-d", "--name", "talk", "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done")
      expect(await out("logs", "-f", "talk")).toBe("1\n2\n3\n")
      expect(await out("logs", "--tail", "1", "talk")).toBe("3\n")
      expect((await out("logs", "-t", "talk")).split("\n")[0]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]{18}Z 1$/)
      await out("rm", "talk")
    })

    test("a container restarts by its policy", async () => {
      await out("run", "-d", "--name", "again", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo run; exit 1")
      await daemon.request("POST", "/containers/again/wait?condition=not-running")
      for (;;) {
        const text = await out("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again")
        if (text === "2 exited\n") break
      }
      expect(await out("logs", "again")).toBe("run\nrun\nrun\n")
      await out("rm", "again")
    })

    test("a published port is reached from the host", async () => {
      await out(
        "run",
        "-d",
        "--name",
        "httpd",
        "-p",
        "127.0.0.1::80",
        "busybox",
        "httpd",
        "-f",
        "-p",
        "80",
        "-h",
        "/etc",
      )
      const port = (await out("port", "httpd", "80")).trim().split(":")[1]
      const text = await fetchText(`http://127.0.0.1:${port}/hostname`)
      expect(text.trim()).toBe((await out("inspect", "-f", "{{.Config.Hostname}}", "httpd")).trim())
      await out("rm", "-f", "httpd")
    })

    test("containers reach each other over the bridge; none has only loopback; host has the host's interfaces", async () => {
      await out("run", "-d", "--name", "peer", "busybox", "sleep", "1000")
      const address = (await out("inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "peer")).trim()
      expect(await out("run", "--rm", "busybox", "ping", "-c", "1", "-W", "5", address)).toContain("1 packets received")
      expect(await out("run", "--rm", "--network", "none", "busybox", "sh", "-c", "ls /sys/class/net")).toBe("lo\n")
      expect(await out("run", "--rm", "--network", "host", "busybox", "ls", "/sys/class/net")).toContain(daemon.bridge)
      await out("rm", "-f", "peer")
    })

    test("changes are shown, committed, exported and imported", async () => {
      await out("run", "--name", "edit", "busybox", "sh", "-c", "echo new > /new; rm /etc/group")
      const diff = await out("diff", "edit")
      expect(diff).toContain("A /new")
      expect(diff).toContain("D /etc/group")
      await out("commit", "-m", "a change", "edit", "edited:1")
      expect(await out("run", "--rm", "edited:1", "cat", "/new")).toBe("new\n")
      const file = `${daemon.root}/edit.tar`
      await out("export", "-o", file, "edit")
      await out("import", file, "imported:1")
      expect(await out("run", "--rm", "imported:1", "/bin/cat", "/new")).toBe("new\n")
      await out("rm", "edit")
      await out("rmi", "edited:1", "imported:1")
    })

    test("an image goes out to an archive and comes back", async () => {
      const file = `${daemon.root}/image.tar`
      await out("tag", "busybox", "copy:1")
      await out("save", "-o", file, "copy:1")
      await out("rmi", "copy:1")
      expect(await out("load", "-i", file)).toContain("Loaded image: copy:1")
      expect(await out("run", "--rm", "copy:1", "echo", "loaded")).toBe("loaded\n")
      await out("rmi", "copy:1")
    })

    test("events tell the life of a container in order", async () => {
      const since = (Date.now() / 1000 - 0.001).toFixed(3)
      await out("run", "--rm", "--name", "told", "busybox", "true")
      const until = (Date.now() / 1000 + 0.5).toFixed(3)
      const text = await out(
        "events",
        "--since",
        since,
        "--until",
        until,
        "--filter",
        "container=told",
        "--format",
        "{{.Type}} {{.Action}}",
      )
      expect(
        text
          .trim()
          .split("\n")
          .filter((line) => line.startsWith("container")),
      ).toEqual(["container create", "container attach", "container start", "container die", "container destroy"])
    })

    test("stats tell of a running container", async () => {
      await out("run", "-d", "--name", "busy", "busybox", "sh", "-c", "while :; do :; done")
      const [name, cpu, memory] = (
        await out("stats", "--no-stream", "--format", "{{.Name}} {{.CPUPerc}} {{.MemUsage}}", "busy")
      ).split(" ")
      expect(name).toBe("busy")
      expect(Number.parseFloat(cpu!)).toBeGreaterThan(1)
      expect(memory).toMatch(/MiB|KiB/)
      await out("rm", "-f", "busy")
    })

    test("a health check tells healthy", async () => {
      await out(
        "run",
        "-d",
        "--name",
        "fit",
        "--health-cmd",
        "test -e /ok",
        "--health-interval",
        "100ms",
        "--health-retries",
        "2",
        "busybox",
        "sh",
        "-c",
        "touch /ok; sleep 1000",
      )
      for (;;) if ((await out("inspect", "-f", "{{.State.Health.Status}}", "fit")) === "healthy\n") break
      await out("exec", "fit", "rm", "/ok")
      for (;;) if ((await out("inspect", "-f", "{{.State.Health.Status}}", "fit")) === "unhealthy\n") break
      await out("rm", "-f", "fit")
    })
  })
}

async function fetchText(url: string): Promise<string> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await (await fetch(url)).text()
    } catch (error) {
      // The server inside may not listen yet.
      if (attempt > 400) throw error
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
}
