import { afterAll, beforeAll, expect, test } from "bun:test"
import { resolve } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { NameServer } from "../fixtures/name-server.ts"

/** Names as containers ask for them, answered by the daemon and by name servers that only the host reaches. */
let daemon: TestDaemon
let first: NameServer
let second: NameServer

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.barge(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

/** What the container `asker` learns of names: pairs of type and name. */
async function ask(...questions: (readonly [type: string, name: string])[]): Promise<unknown[]> {
  const pid = await docker("inspect", "-f", "{{.State.Pid}}", "asker")
  const program = [process.execPath, resolve(import.meta.dir, "../fixtures/ask-name.ts")]
  const { stdout } = await daemon.run("nsenter", "-t", pid, "-n", ...program, ...questions.flat())
  return stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line))
}

beforeAll(async () => {
  // As systemd-resolved on 127.0.0.53: addresses of the loopback network that no resolver of a distribution uses.
  first = await NameServer.listen("127.77.1.1", (name) =>
    name === "long.test" ? { texts: 15 } : { rcode: name === "nobody.test" ? "noSuchName" : "serverFailure" },
  )
  second = await NameServer.listen("127.77.1.2", (name) =>
    name === "short.test" ? { texts: 1 } : { rcode: "serverFailure" },
  )
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await docker("network", "create", "--ipv6", "--subnet", "fd77:9::/64", "both")
  await docker("network", "create", "plain")
  const names = ["--network-alias", "under_score", "--network-alias", "www.site.example"]
  await docker("run", "-d", "--name", "Mixed_Case", "--network", "both", ...names, "busybox", "top")
  await docker("run", "-d", "--name", "old", "--network", "plain", "busybox", "top")
  const servers = ["--dns", "127.77.1.1", "--dns", "127.77.1.2"]
  const search = ["--dns-search", "corp.test", "--dns-opt", "ndots:2"]
  await docker(
    "run",
    "-d",
    "--name",
    "asker",
    "--network",
    "both",
    "--network",
    "plain",
    ...servers,
    ...search,
    "busybox",
    "top",
  )
})

afterAll(async () => {
  await docker("rm", "-f", "Mixed_Case", "old", "asker")
  await docker("network", "rm", "both", "plain")
  await daemon[Symbol.asyncDispose]()
  await first[Symbol.asyncDispose]()
  await second[Symbol.asyncDispose]()
})

test("containers' names have no case, may have underscores and dots, and a family that nobody has is empty, not unknown", async () => {
  const networks = JSON.parse(await docker("inspect", "-f", "{{json .NetworkSettings.Networks}}", "Mixed_Case"))
  const { IPAddress, GlobalIPv6Address } = networks.both
  expect(
    await ask(
      ["A", "mixed_case"],
      ["A", "MIXED_CASE.both"],
      ["A", "under_score"],
      ["A", "www.site.example"],
      ["AAAA", "Mixed_Case"],
    ),
  ).toEqual([[IPAddress], [IPAddress], [IPAddress], [IPAddress], [GlobalIPv6Address]])
  await ask(["AAAA", "old"], ["MX", "old"])
  const reversed = IPAddress.split(".").reverse().join(".")
  const digits = "2".padStart(16, "0").split("").reverse().join(".")
  const six = `${digits}.0.0.0.0.0.0.0.0.9.0.0.0.7.7.d.f.ip6.arpa`
  expect(await ask(["PTR", `${reversed}.in-addr.arpa`])).toEqual([["Mixed_Case.both"]])
  if (GlobalIPv6Address === "fd77:9::2") expect(await ask(["PTR", six])).toEqual([["Mixed_Case.both"]])
  expect(first.asked.concat(second.asked)).toEqual([])
})

test("other names are the name servers' to answer: long ones over TCP, failures by the next one, and no such name at once", async () => {
  const text = [["x".repeat(200)]]
  expect(await ask(["TXT", "long.test"])).toEqual([Array.from({ length: 15 }, () => text[0]!)])
  second.asked.length = 0
  expect(await ask(["TXT", "short.test"], ["A", "nobody.test"])).toEqual([text, "ENOTFOUND"])
  expect(second.asked).toEqual(["short.test"])
  expect(await ask(["A", "broken.test"])).toEqual(["ESERVFAIL"])
})

test("resolv.conf has the daemon's own address, the search list and the options, and hosts what was added", async () => {
  expect(await docker("exec", "asker", "cat", "/etc/resolv.conf")).toBe(
    "nameserver 127.0.0.11\nsearch corp.test\noptions ndots:2",
  )
  const hosts = ["--add-host", "gate:host-gateway", "--add-host", "other:192.0.2.9"]
  const text = await docker("run", "--rm", ...hosts, "--network", "plain", "busybox", "cat", "/etc/hosts")
  const gateway = await docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Gateway}}{{end}}", "bridge")
  expect(text).toContain(`${gateway}\tgate\n192.0.2.9\tother\n`)
})

test("a container without a network gets one while it runs, once it is no longer in none", async () => {
  const id = await docker("run", "-d", "--name", "alone", "--network", "none", "busybox", "top")
  const refused = await daemon.barge("network", "connect", "both", "alone")
  expect(refused.stderr).toContain(
    "container cannot be connected to multiple networks with one of the networks in private (none) mode",
  )
  expect(await docker("exec", "alone", "ip", "-o", "address")).not.toContain("eth")
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  expect(await docker("network", "inspect", "-f", "{{range $id, $_ := .Containers}}{{$id}}{{end}}", "none")).toBe(id)
  await docker("network", "disconnect", "none", "alone")
  await docker("network", "connect", "both", "alone")
  expect(await docker("exec", "alone", "ping", "-c", "1", "mixed_case")).toContain(" 0% packet loss")
  await docker("network", "disconnect", "both", "alone")
  await docker("network", "connect", "none", "alone")
  const again = await daemon.barge("network", "connect", "none", "alone")
  expect(again.stderr).toContain("endpoint with name alone already exists in network none")
  expect(await docker("exec", "alone", "ip", "-o", "address")).not.toContain("eth")
  await docker("network", "disconnect", "none", "alone")
  await docker("network", "connect", "both", "alone")
  await docker("restart", "-t", "0", "alone")
  expect(await docker("exec", "alone", "ping", "-c", "1", "mixed_case")).toContain(" 0% packet loss")
  await docker("rm", "-f", "alone")
})
