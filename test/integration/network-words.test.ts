import { afterAll, beforeAll, expect, test } from "bun:test"
import { type Outcome, TestDaemon } from "../fixtures/daemon.ts"

/** What a command line is told of networks: refusals, filters, events. */
let daemon: TestDaemon

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.barge(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}
const words = (text: string) => text.split(" ")
/** What is said when a command, its words in one text, is refused. */
const refusal = async (command: string): Promise<string> => {
  const { code, stderr }: Outcome = await daemon.barge(...words(command))
  if (code === 0) throw new Error(`docker ${command} was not refused`)
  const said = stderr.trim().replace(/^(barge: )?Error response from daemon: /, "")
  return said
    .replace(/\n\nRun .*$/s, "")
    .replace(/\nexit status 1$/, "")
    .trim()
}

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  await docker(...words("network create --subnet 10.228.0.0/24 --label kind=given --label more=1 given"))
  await docker(...words("network create free"))
  await docker(...words("run -d --name web --network given --ip 10.228.0.9 --network-alias www busybox top"))
  await docker(...words("run -d --name host --network host busybox top"))
  await docker(...words("run -d --name default -p 127.0.0.1:0:80 busybox top"))
})
afterAll(async () => {
  await docker("rm", "-f", "web", "host", "default")
  await docker("network", "rm", "given", "free")
  await daemon[Symbol.asyncDispose]()
})

for (const [command, said] of [
  ["network create given", "network with name given already exists"],
  ["network create bridge", "operation is not permitted on predefined bridge network"],
  ["network create -d host again", 'only one instance of "host" network is allowed'],
  ["network create -d null again", 'only one instance of "null" network is allowed'],
  ["network create --subnet 10.228.0.128/25 again", "Pool overlaps with other one on this address space"],
  [
    "network create --subnet 10.227.0.1/24 again",
    "invalid network config:\ninvalid subnet 10.227.0.1/24: it should be 10.227.0.0/24",
  ],
  [
    "network create --subnet 10.227.0.0/24 --ip-range 10.227.0.0/16 again",
    "invalid network config:\ninvalid ip-range 10.227.0.0/16: CIDR block is bigger than its parent subnet 10.227.0.0/24",
  ],
  ["network create --ipv4=false again", "IPv4 or IPv6 must be enabled"],
  ["network rm none", "none is a pre-defined network and cannot be removed"],
  ["network rm nobody", "network nobody not found"],
  ["network connect nobody web", "network nobody not found"],
  ["network connect free nobody", "No such container: nobody"],
  ["network connect given web", "endpoint with name web already exists in network given"],
  ["network connect --ip 10.228.0.9 given default", "Address already in use"],
  [
    "network connect --ip 10.1.0.9 given default",
    "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.1.0.9",
  ],
  [
    "network connect --ip 172.30.0.9 free default",
    "invalid endpoint settings:\nuser specified IP address is supported only when connecting to networks with user configured subnets",
  ],
  [
    "network connect host web",
    "cannot connect container to host network - container must be created in host network mode",
  ],
  [
    "network connect free host",
    "container sharing network namespace with another container or host cannot be connected to any other network",
  ],
  [
    "network disconnect host host",
    "cannot disconnect container from host network - container was created in host network mode",
  ],
  [
    "run --network container:web -p 80:80 busybox",
    "conflicting options: port publishing and the container type network mode",
  ],
  [
    "run --network container:web --expose 80 busybox",
    "conflicting options: port exposing and the container type network mode",
  ],
  ["run --network container:web --hostname other busybox", "conflicting options: hostname and the network mode"],
  ["run --network container:web --dns 192.0.2.1 busybox", "conflicting options: dns and the network mode"],
  [
    "run --network container:web --add-host a:192.0.2.1 busybox",
    "conflicting options: custom host-to-IP mapping and the network mode",
  ],
  [
    "run --network container:web --mac-address 02:42:00:00:00:07 busybox",
    "conflicting options: mac-address and the network mode",
  ],
  [
    "run --network host --link web busybox",
    "conflicting options: host type networking can't be used with links. This would result in undefined behavior",
  ],
  ["run --rm --network nobody busybox", "failed to set up container networking: network nobody not found"],
  ["network ls --filter type=other", "invalid filter: 'type'='other'"],
  ["network ls --filter other=1", "invalid filter 'other'"],
] as const)
  test(`docker ${command}: ${said.replace("\n", " ")}`, async () => {
    expect(await refusal(command)).toBe(said)
  })

test("a port of the host that a container has is refused to another one, which is created nevertheless", async () => {
  const port = (await docker("port", "default", "80")).split(":").at(-1)!
  const said = await refusal(`run -d --name late -p 127.0.0.1:${port}:80 busybox top`)
  const start =
    "failed to set up container networking: driver failed programming external connectivity on endpoint late"
  expect(said).toMatch(
    new RegExp(`^${start} \\([0-9a-f]{64}\\): Bind for 127\\.0\\.0\\.1:${port} failed: port is already allocated`),
  )
  expect(await docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "late")).toBe("created 128")
  expect(await docker("rm", "late")).toBe("late")
})

test("networks are chosen by every filter", async () => {
  const names = async (...filters: string[]) =>
    (await docker("network", "ls", "--format", "{{.Name}}", ...filters.flatMap((each) => ["--filter", each]))).split(
      "\n",
    )
  expect(await names("type=custom")).toEqual(["free", "given"])
  expect(await names("type=builtin")).toEqual(["bridge", "host", "none"])
  expect(await names("driver=null")).toEqual(["none"])
  expect(await names("label=kind", "label=more=1")).toEqual(["given"])
  expect(await names("name=iv")).toEqual(["given"])
  expect(await names("dangling=true")).toEqual(["free"])
  expect(await names("scope=swarm")).toEqual([""])
  const id = await docker("network", "inspect", "-f", "{{.Id}}", "given")
  expect(await names(`id=${id.slice(0, 20)}`)).toEqual(["given"])
})

test("what happens to networks is told with who it happens to, and pruning keeps what is used or does not match", async () => {
  const since = String(Date.now() / 1000)
  const id = await docker("network", "create", "--label", "kind=short", "passing")
  const web = await docker("inspect", "-f", "{{.Id}}", "web")
  await docker("network", "connect", "passing", "web")
  expect(await docker("network", "prune", "-f", "--filter", "label=kind=short")).toBe("")
  await docker("network", "disconnect", "passing", "web")
  expect(await docker("network", "prune", "-f", "--filter", "label!=kind=short", "--filter", "label=kind")).toBe("")
  expect(await docker("network", "prune", "-f", "--filter", "label=kind=short", "--filter", "until=24h")).toBe("")
  expect(await docker("network", "prune", "-f", "--filter", "label=kind=short")).toBe("Deleted Networks:\npassing")
  const until = String(Date.now() / 1000)
  const told = await docker(
    "events",
    "--since",
    since,
    "--until",
    until,
    "--filter",
    `network=${id}`,
    "--format",
    "json",
  )
  const events = told.split("\n").map((line) => JSON.parse(line) as { Action: string; Actor: { Attributes: object } })
  const attributes = { name: "passing", type: "bridge" }
  expect(events.map(({ Action, Actor }) => [Action, Actor.Attributes])).toEqual([
    ["create", attributes],
    ["connect", { ...attributes, container: web }],
    ["disconnect", { ...attributes, container: web }],
    ["destroy", attributes],
  ])
})
