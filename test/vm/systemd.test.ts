import { afterAll, describe, expect, test } from "bun:test"
import { existsSync, readFileSync } from "node:fs"
import { eventually } from "../fixtures/eventually.ts"

const underSystemd = existsSync("/run/systemd/system") && process.env["BARGE_TEST_VM"] === "1"

test.skipIf(!underSystemd)(
  "systemd runs the test machine (elsewhere this file has nothing to say: run npm run test:vm)",
  () => {
    expect(readFileSync("/proc/1/comm", "utf8").trim()).toBe("systemd")
  },
)

if (underSystemd)
  describe("the system-wide installation", () => {
    const attempt = (...command: string[]) => {
      const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: "/barge" })
      return { exitCode, text: `${stdout}`.trim(), said: `${stdout}${stderr}` }
    }
    const out = (...command: string[]): string => {
      const { exitCode, text, said } = attempt(...command)
      if (exitCode !== 0) throw new Error(`${command.join(" ")} ended with ${exitCode}: ${said}`)
      return text
    }
    const state = (unit: string) => attempt("systemctl", "is-active", unit).text
    const mainPid = () => out("systemctl", "show", "--property=MainPID", "--value", "barge.service")
    const containerPid = () => out("barge", "inspect", "-f", "{{.State.Status}} {{.State.Pid}}", "lasting")

    afterAll(() => {
      if (existsSync("/usr/local/bin/barge")) attempt("barge", "rm", "-f", "lasting")
      attempt("bun", "scripts/uninstall-system.mjs")
    })

    test("puts the program, the completion and the units in place and starts the service", async () => {
      attempt("groupadd", "docker")
      out("bun", "scripts/install-system.mjs")
      expect(state("barge.socket")).toBe("active")
      await eventually(async () => state("barge.service") === "active", "the service is active")
      out("barge", "version") // it answers once the socket has its group
      expect(out("stat", "-c", "%G %a", "/run/barge/barge.sock")).toBe("docker 660")
      expect(existsSync("/usr/share/bash-completion/completions/barge")).toBe(true)
      expect(out("barge", "version", "-f", "{{.Server.APIVersion}}")).toBe("1.56")
      out("barge", "image", "bootstrap", "busybox")
      out("barge", "run", "-d", "--name", "lasting", "--restart", "always", "busybox", "sleep", "100000")
    })

    test("a stop, a start and a restart of the service leave containers and the shim alone", () => {
      const before = containerPid()
      const shim = out("pgrep", "-f", "barge shim")
      expect(before).toStartWith("running ")
      out("systemctl", "stop", "barge.service")
      expect(existsSync(`/proc/${before.split(" ")[1]}`)).toBe(true)
      out("systemctl", "start", "barge.service")
      expect(containerPid()).toBe(before)
      out("systemctl", "restart", "barge.service")
      expect(containerPid()).toBe(before)
      expect(out("pgrep", "-f", "barge shim")).toBe(shim)
      expect(out("barge", "exec", "lasting", "echo", "here")).toBe("here")
    })

    test("the socket starts the service when somebody asks", () => {
      const before = containerPid()
      out("systemctl", "stop", "barge.service")
      expect(state("barge.service")).toBe("inactive")
      expect(containerPid()).toBe(before)
      expect(state("barge.service")).toBe("active")
    })

    test("a daemon that is killed comes back by itself, and a reload keeps it", async () => {
      const [before, daemon] = [containerPid(), mainPid()]
      process.kill(Number(daemon), "SIGKILL")
      await eventually(async () => !["0", daemon].includes(mainPid()), "systemd has started the daemon again")
      expect(containerPid()).toBe(before)
      const again = mainPid()
      out("systemctl", "reload", "barge.service")
      expect(containerPid()).toBe(before)
      expect(mainPid()).toBe(again)
    })

    test("is undone with what runs, and the data stay", () => {
      expect(containerPid()).toStartWith("running ")
      const said = out("bun", "scripts/uninstall-system.mjs")
      expect(said).toContain("Stopping 1 running container")
      expect(said).toContain("When they are not wanted: rm -r /var/lib/barge")
      expect(attempt("pgrep", "-f", "barge shim").text).toBe("")
      expect(readFileSync("/proc/self/mounts", "utf8")).not.toMatch(/ \/(run|var\/lib)\/barge\//)
      expect(state("barge.service")).not.toBe("active")
      for (const path of ["/usr/local/bin/barge", "/etc/systemd/system/barge.service", "/run/barge/barge.sock"])
        expect([path, existsSync(path)]).toEqual([path, false])
      expect(existsSync("/var/lib/barge/barge.db")).toBe(true)
    })
  })
