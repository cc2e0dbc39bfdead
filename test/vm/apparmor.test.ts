import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"

const inTestMachine = process.env["BARGE_TEST_VM"] === "1"

test.skipIf(!inTestMachine)(
  "the test machine's kernel has AppArmor (elsewhere this file has nothing to say: run npm run test:vm)",
  () => {
    expect(readFileSync("/sys/module/apparmor/parameters/enabled", "utf8")).toStartWith("Y")
  },
)

if (inTestMachine)
  describe("containers under AppArmor", () => {
    let daemon: TestDaemon
    const out = async (...args: string[]): Promise<string> => {
      const { code, stdout, stderr } = await daemon.barge(...args)
      if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}\n${daemon.log}`)
      return stdout.trim()
    }
    const profileOf = (...options: string[]) =>
      out("run", "--rm", "--network", "none", ...options, "busybox", "cat", "/proc/self/attr/current")

    beforeAll(async () => {
      daemon = await TestDaemon.start(["--bridge", "none"])
      await daemon.bootstrap()
    })
    afterAll(async () => {
      await daemon?.[Symbol.asyncDispose]()
    })

    test("a container is confined by the default profile, unless it is privileged or asks not to be", async () => {
      expect(await profileOf()).toBe("barge-default (enforce)")
      expect(await profileOf("--security-opt", "apparmor=docker-default")).toBe("barge-default (enforce)")
      expect(await profileOf("--security-opt", "apparmor=unconfined")).toBe("unconfined")
      expect(await profileOf("--privileged")).toBe("unconfined")
      expect(await profileOf("--privileged", "--security-opt", "apparmor=barge-default")).toBe(
        "barge-default (enforce)",
      )
    })

    test("execs are confined as their container is, privileged ones are not", async () => {
      await out("run", "-d", "--network", "none", "--name", "confined", "busybox", "top")
      expect(await out("exec", "confined", "cat", "/proc/self/attr/current")).toBe("barge-default (enforce)")
      expect(await out("exec", "--privileged", "confined", "cat", "/proc/self/attr/current")).toBe("unconfined")
      expect(await out("inspect", "-f", "{{.AppArmorProfile}}", "confined")).toBe("barge-default")
      await out("stop", "-t", "5", "confined")
      await out("rm", "confined")
    })

    test("with every other bound taken away, the profile still refuses mounts and the host's settings", async () => {
      const bare = [
        "--cap-add",
        "ALL",
        "--security-opt",
        "seccomp=unconfined",
        "--security-opt",
        "systempaths=unconfined",
      ]
      const tried = (script: string, ...options: string[]) =>
        daemon.barge("run", "--rm", "--network", "none", ...bare, ...options, "busybox", "sh", "-c", script)
      for (const script of [
        "mkdir /x; mount -t tmpfs none /x",
        "echo 60 > /proc/sys/vm/swappiness",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo h > /proc/sysrq-trigger",
        "ls /sys/kernel/security/apparmor",
      ]) {
        expect([script, (await tried(script)).code]).not.toEqual([script, 0])
        if (script.includes("mount"))
          expect(await tried(script, "--security-opt", "apparmor=unconfined")).toMatchObject({ code: 0, stderr: "" })
      }
      expect(
        (await tried("echo name > /proc/sys/kernel/domainname && echo 65536 > /proc/sys/kernel/shmmax")).code,
      ).toBe(0)
    })

    test("signals among a container's own processes arrive", async () => {
      expect(
        await out("run", "--rm", "--network", "none", "busybox", "sh", "-c", "sleep 100 & kill $!; wait $!; echo $?"),
      ).toBe("143")
    })

    test("a profile that is not loaded fails the start", async () => {
      const { code, stderr } = await daemon.barge(
        "run",
        "--rm",
        "--network",
        "none",
        "--security-opt",
        "apparmor=nowhere",
        "busybox",
        "true",
      )
      expect([code, stderr]).toEqual([125, expect.stringContaining("the AppArmor profile nowhere is not loaded")])
    })

    test("info says so", async () => {
      expect(await out("info", "-f", "{{.SecurityOptions}}")).toContain("name=apparmor")
    })
  })
