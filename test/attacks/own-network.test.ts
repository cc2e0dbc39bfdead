import { expect, test } from "bun:test"
import { readFileSync } from "node:fs"
import { TestDaemon } from "../fixtures/daemon.ts"
import { Attacker } from "./attacker.ts"

test("a container that ends the daemon's sockets in its own network has no names, and troubles nobody else", async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await daemon.docker("network", "create", "shared")
  await daemon.docker("run", "-d", "--name", "other", "--network", "shared", "busybox", "sleep", "1000")
  const flags = ["--network", "shared", "--cap-add", "NET_ADMIN"]
  await using attacker = await Attacker.start(daemon, "", { program: "destroy-sockets.ts", flags })
  expect((await daemon.docker("exec", attacker.name, "timeout", "2", "nslookup", "other")).code).not.toBe(0)
  expect((await daemon.docker("exec", "other", "nslookup", attacker.name)).stdout).toContain(attacker.name)
  // A daemon that does not notice says so without end.
  expect(daemon.log).not.toContain("unexpected:")
})

test("a container in the host's network that takes the name of a lock of older builds does not keep the daemon from starting", async () => {
  await using daemon = await TestDaemon.start()
  await daemon.bootstrap()
  const name = `barge/bridge/${daemon.bridge}`
  await using attacker = await Attacker.start(daemon, name, { program: "take-name.ts", flags: ["--network", "host"] })
  await daemon.end("SIGKILL")
  while (!readFileSync("/proc/net/unix", "latin1").includes(`@${name}`)) await Bun.sleep(5)
  await daemon.startAgain()
  expect((await daemon.docker("run", "--rm", "busybox", "echo", "works")).stdout).toBe("works\n")
  expect((await daemon.docker("inspect", "-f", "{{.State.Running}}", attacker.name)).stdout).toBe("true\n")
})
