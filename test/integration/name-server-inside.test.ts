import { afterAll, beforeAll, expect, test } from "bun:test"
import { resolve } from "node:path"
import { TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"

/** Name servers of containers' own, beside the one that the daemon has for them at 127.0.0.11. */
let daemon: TestDaemon
const fixtures = resolve(import.meta.dir, "../fixtures")

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.docker(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

/** Runs a program of the host in a container's network. */
const inNetworkOf = async (container: string, ...command: string[]): Promise<string> => {
  const pid = await docker("inspect", "-f", "{{.State.Pid}}", container)
  return (await daemon.run("nsenter", "-t", pid, "-n", ...command)).stdout.trim()
}

const ask = (container: string, ...words: string[]) =>
  inNetworkOf(container, process.execPath, resolve(fixtures, "ask.ts"), ...words)

/** What the daemon says of a container's name, over UDP. */
const lookUp = async (container: string, name: string): Promise<unknown> =>
  JSON.parse(await inNetworkOf(container, process.execPath, resolve(fixtures, "ask-name.ts"), "A", name))

/** A question for the address of `other` as a message over TCP, in printf's words, and the end of the answer in hexadecimal digits. */
const question = "\\0\\027\\1\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0\\5other\\0\\0\\1\\0\\1"
const overTcp = (container: string) =>
  inNetworkOf(container, "busybox", "sh", "-c", `printf '${question}' | nc -w 5 127.0.0.11 53 | tail -c 4 | xxd -p`)
const digits = (address: string) =>
  address
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("")

const address = (container: string) => docker("inspect", "-f", "{{.NetworkSettings.Networks.own.IPAddress}}", container)

/** Runs a server for TCP and UDP port 53, with the programs of this host, as nobody without any capability. */
async function serve(name: string, at: string): Promise<void> {
  const folders = ["/usr:/usr:ro", "/usr/lib:/lib:ro", "/usr/lib64:/lib64:ro", `${fixtures}:/fixtures:ro`]
  const mounts = [...folders, `${process.execPath}:/program:ro`].flatMap((mount) => ["-v", mount])
  const plain = ["--network", "own", "--user", "65534:65534", "--cap-drop", "ALL", "-e", "HOME=/tmp"]
  await docker(
    "run",
    "-d",
    "--name",
    name,
    ...plain,
    ...mounts,
    "busybox",
    "/program",
    "/fixtures/echo-server.ts",
    "53",
    name,
    at,
  )
  await eventually(async () => (await docker("logs", name)) === "ready", `${name} listens on ${at}`)
}

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await docker("network", "create", "own")
  await docker("run", "-d", "--name", "other", "--network", "own", "busybox", "top")
})

afterAll(async () => {
  await docker("rm", "-f", ...(await docker("ps", "-aq")).split("\n"))
  await docker("network", "rm", "own")
  await daemon[Symbol.asyncDispose]()
})

for (const at of ["0.0.0.0", "127.0.0.1", "::"]) {
  test(`a container without privileges serves names on port 53 of ${at}, and goes on asking the daemon`, async () => {
    await serve("server", at)
    for (const protocol of ["udp", "tcp"])
      expect(await ask("server", protocol, "127.0.0.1", "53")).toStartWith("server ")
    expect(await lookUp("server", "other")).toEqual([await address("other")])
    expect(await overTcp("server")).toBe(digits(await address("other")))
    if (at !== "127.0.0.1") expect(await ask("other", "udp", await address("server"), "53")).toStartWith("server ")
    await docker("rm", "-f", "server")
  })
}

test("a firewall in the container sees questions for port 53, and both directions as one connection", async () => {
  await docker("run", "-d", "--name", "walled", "--network", "own", "busybox", "top")
  const rules = [
    "add table ip wall",
    "add chain ip wall in { type filter hook input priority 0; policy drop; }",
    "add rule ip wall in ct state established accept",
    "add rule ip wall in ip daddr 127.0.0.11 udp dport 53 accept",
    "add rule ip wall in ip daddr 127.0.0.11 tcp dport 53 accept",
  ]
  await inNetworkOf("walled", "nft", rules.join("; "))
  expect(await lookUp("walled", "other")).toEqual([await address("other")])
  expect(await overTcp("walled")).toBe(digits(await address("other")))
  await docker("rm", "-f", "walled")
})

test("names are answered after the daemon is killed, and where a container comes into such a network late", async () => {
  await serve("server", "0.0.0.0")
  await docker("run", "-d", "--name", "late", "busybox", "top")
  await docker("network", "connect", "own", "late")
  await docker("create", "--name", "both", "busybox", "top")
  await docker("network", "connect", "own", "both")
  await docker("start", "both")
  const everybody = ["server", "late", "both"]
  for (const name of everybody) expect(await lookUp(name, "other")).toEqual([await address("other")])
  await daemon.end("SIGKILL")
  await daemon.startAgain()
  for (const name of everybody) expect(await lookUp(name, "other")).toEqual([await address("other")])
  expect(await ask("server", "udp", "127.0.0.1", "53")).toStartWith("server ")
  await docker("rm", "-f", ...everybody)
})

test("a container of the default bridge has no rules of the daemon's in its namespace", async () => {
  await docker("run", "-d", "--name", "plain", "busybox", "top")
  expect(await inNetworkOf("plain", "nft", "list", "tables")).toBe("")
  await docker("rm", "-f", "plain")
})
