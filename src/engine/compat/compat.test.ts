import { expect, test } from "bun:test"
import { understoodVersion } from "./clients.ts"
import { reshapeBody, reshapeQuery } from "./requests.ts"
import { jsonStreamType, recordReshaper, reshapeResponse } from "./responses.ts"
import { checkVersion, compareVersions } from "./version.ts"

test("versions are ordered as numbers, not as text", () => {
  expect(compareVersions("1.9", "1.10")).toBeLessThan(0)
  expect(compareVersions("1.51", "1.51")).toBe(0)
  expect(compareVersions("2.0", "1.99")).toBeGreaterThan(0)
  expect(() => checkVersion("1.24")).not.toThrow()
  expect(() => checkVersion("1.56")).not.toThrow()
  expect(() => checkVersion("1.57")).toThrow("client version 1.57 is too new")
})

test("images get VirtualSize, ContainerConfig and <none> names where versions had them", () => {
  const summary = { RepoTags: [], RepoDigests: [], Size: 5, Containers: 2, Descriptor: {} }
  const list = (version: string) => (reshapeResponse("GET /images/json", [summary], version) as object[])[0]
  expect(list("1.51")).toEqual(summary)
  expect(list("1.43")).toMatchObject({ VirtualSize: 5, Containers: -1, RepoTags: [] })
  expect(list("1.42")).toMatchObject({ RepoTags: ["<none>:<none>"], RepoDigests: ["<none>@<none>"] })
  const inspect = (version: string) =>
    reshapeResponse("GET /images/:name/json", { Size: 5, Config: { Env: ["A=b"] } }, version)
  expect(inspect("1.51")).toMatchObject({ Config: { Env: ["A=b"], Cmd: null, User: "" } })
  expect((inspect("1.51") as { Config: object }).Config).not.toHaveProperty("Hostname")
  expect(inspect("1.49")).toMatchObject({ Config: { Hostname: "", Env: ["A=b"] } })
  expect(inspect("1.44")).toMatchObject({ Container: "", ContainerConfig: { Cmd: null } })
  const made = (version: string) =>
    reshapeResponse(
      "GET /images/:name/json",
      { Size: 5, Config: {}, Container: "c", ContainerConfig: { Tty: true } },
      version,
    )
  expect(made("1.44")).toMatchObject({ Container: "c", ContainerConfig: { Tty: true, Cmd: null } })
  expect(JSON.stringify(made("1.45"))).not.toContain("Container")
})

test("a container's short ID is an alias on networks of the user, before 1.45 only", () => {
  const id = "0123456789ab".padEnd(64, "c")
  const value = {
    Id: id,
    HostConfig: {},
    Config: { Hostname: "h" },
    NetworkSettings: { Networks: { mine: { Aliases: ["web"] }, bridge: { Aliases: null } } },
  }
  expect(reshapeResponse("GET /containers/:id/json", value, "1.44")).toMatchObject({
    NetworkSettings: { Networks: { mine: { Aliases: ["web", "0123456789ab", "h"] }, bridge: { Aliases: null } } },
  })
  expect(reshapeResponse("GET /containers/:id/json", value, "1.45")).toMatchObject(value)
})

test("events of creating images are not told before 1.46", () => {
  const event = { Type: "image", Action: "create", Actor: { ID: "x", Attributes: {} } }
  expect(recordReshaper("GET /events", "1.45")!(event)).toBeUndefined()
  expect(recordReshaper("GET /events", "1.46")!(event)).toMatchObject({ status: "create", id: "x" })
})

test("what concerns no container in particular has no id", () => {
  const event = { Type: "container", Action: "prune", Actor: { ID: "", Attributes: {} } }
  expect(recordReshaper("GET /events", "1.51")!(event)).toEqual({ status: "prune", ...event })
})

test("events of 1.51 and before repeat what and whom they concern, later ones do not", () => {
  const event = { Type: "container", Action: "die", Actor: { ID: "x", Attributes: { image: "busybox" } } }
  const told = (version: string) => recordReshaper("GET /events", version)!(event)
  expect(told("1.51")).toEqual({ status: "die", id: "x", from: "busybox", ...event })
  expect(told("1.52")).toEqual(event)
})

test("a stream of events is called JSON up to 1.51, and JSON lines since 1.52", () => {
  expect([jsonStreamType("1.51"), jsonStreamType("1.52")]).toEqual(["application/json", "application/jsonl"])
})

const bridge = {
  EndpointID: "e",
  Gateway: "172.17.0.1",
  IPAddress: "172.17.0.2",
  IPPrefixLen: 16,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  MacAddress: "02:42:ac:11:00:02",
}
const container = {
  Id: "c".repeat(64),
  HostConfig: { KernelMemoryTCP: 5, Umask: 0o22 },
  Config: { Hostname: "h", MacAddress: "02:42:ac:11:00:02", OnBuild: null },
  NetworkSettings: { SandboxID: "s", SandboxKey: "/k", Ports: {}, Networks: { bridge } },
}

test("the endpoint on the default bridge is shown a second time up to 1.51", () => {
  const settings = (version: string, value: object = container) =>
    (reshapeResponse("GET /containers/:id/json", value, version) as typeof container).NetworkSettings
  const { NetworkSettings } = container
  expect(settings("1.52")).toEqual(NetworkSettings)
  expect<object>(settings("1.51")).toEqual({
    ...NetworkSettings,
    ...bridge,
    Bridge: "",
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
  })
  const stopped = { bridge: { ...bridge, EndpointID: "" } }
  const idle = { ...container, NetworkSettings: { ...NetworkSettings, Networks: stopped } }
  expect<object>(settings("1.51", idle)).toMatchObject({ EndpointID: "", Gateway: "", IPAddress: "", MacAddress: "" })
})

test("a container has a MAC address, KernelMemoryTCP and an empty OnBuild up to 1.51, a umask since 1.56", () => {
  const shown = (version: string): typeof container =>
    JSON.parse(JSON.stringify(reshapeResponse("GET /containers/:id/json", container, version)))
  expect<object>(shown("1.51").Config).toEqual(container.Config)
  expect<object>(shown("1.52").Config).toEqual({ Hostname: "h" })
  expect<object>(shown("1.51").HostConfig).toEqual({ KernelMemoryTCP: 5 })
  expect<object>(shown("1.52").HostConfig).toEqual({})
  expect<object>(shown("1.55").HostConfig).toEqual({})
  expect<object>(shown("1.56").HostConfig).toEqual({ Umask: 0o22 })
  const built = { ...container, Config: { Hostname: "h", OnBuild: ["RUN x"] } }
  expect(reshapeResponse("GET /containers/:id/json", built, "1.52")).toMatchObject({ Config: { OnBuild: ["RUN x"] } })
})

test("lists of containers tell of health, and samples of the system, since 1.52", () => {
  const Health = { Status: "none", FailingStreak: 0 }
  const list = (version: string) => (reshapeResponse("GET /containers/json", [{ Health }], version) as object[])[0]
  expect(list("1.51")).toEqual({ Health: undefined })
  expect(list("1.52")).toEqual({ Health })
  const sample = { id: "x", os_type: "linux" }
  expect(recordReshaper("GET /containers/:id/stats", "1.51")!(sample)).toEqual({ id: "x", os_type: undefined })
  expect(recordReshaper("GET /containers/:id/stats", "1.52")!(sample)).toEqual(sample)
})

test("images have empty texts up to 1.51, an identity since 1.53", () => {
  const Identity = { Pull: [{ Repository: "docker.io/library/busybox" }] }
  const shown = (version: string) =>
    JSON.parse(JSON.stringify(reshapeResponse("GET /images/:name/json", { Config: {}, Identity }, version)))
  const empty = { Parent: "", Comment: "", DockerVersion: "", Author: "" }
  expect(shown("1.51")).toMatchObject(empty)
  expect(shown("1.51")).not.toHaveProperty("Identity")
  expect(shown("1.52")).toEqual({ Config: {} })
  expect(shown("1.53")).toEqual({ Config: {}, Identity })
  const authored = { Config: {}, Author: "me" }
  expect(reshapeResponse("GET /images/:name/json", authored, "1.56")).toMatchObject(authored)
})

test("disk usage is lists up to 1.51, and sums beside them since 1.52", () => {
  const usage = { ImageUsage: { TotalCount: 1 }, LayersSize: 5, Images: [{ RepoTags: ["x"], Containers: 2 }] }
  const shown = (version: string) =>
    JSON.parse(JSON.stringify(reshapeResponse("GET /system/df", usage, version))) as typeof usage
  expect<object>(shown("1.51")).toEqual({ LayersSize: 5, Images: usage.Images })
  expect(shown("1.52")).toEqual(usage)
  const query = (version: string) => reshapeQuery("GET /system/df", { type: ["image"], verbose: true }, version)
  expect(query("1.51")).toEqual({ type: ["image"], verbose: false })
  expect(query("1.52")).toEqual({ type: ["image"], verbose: true })
})

test("a network tells of its addresses since 1.52, and a list of networks of containers up to 1.51", () => {
  const network = { Name: "n", Containers: {}, Status: { IPAM: { Subnets: {} } } }
  const shown = (key: string, value: unknown, version: string) =>
    JSON.parse(JSON.stringify(reshapeResponse(key, value, version)))
  expect(shown("GET /networks/:id", network, "1.51")).toEqual({ Name: "n", Containers: {} })
  expect(shown("GET /networks/:id", network, "1.52")).toEqual(network)
  const { Status: _, ...listed } = network
  expect(shown("GET /networks", [listed], "1.51")).toEqual([listed])
  expect(shown("GET /networks", [listed], "1.52")).toEqual([{ Name: "n" }])
})

test("several platforms cut an archive since 1.52; before, more than one is refused", () => {
  for (const key of ["GET /images/get", "GET /images/:name/get", "POST /images/load"]) {
    const several = (version: string) => reshapeQuery(key, { platform: ["linux/amd64", "linux/arm64"] }, version)
    expect(several("1.47")).toEqual({ platform: [] })
    expect(() => several("1.51")).toThrow("multiple platform parameters are not supported in this API version")
    expect(several("1.52")).toEqual({ platform: ["linux/amd64", "linux/arm64"] })
    expect(reshapeQuery(key, { platform: ["linux/amd64"] }, "1.51")).toEqual({ platform: ["linux/amd64"] })
  }
})

test("lists of images give identities since 1.54, those of containers know annotations since 1.56", () => {
  const asked = (version: string) => reshapeQuery("GET /images/json", { identity: true }, version)
  expect(asked("1.53")).toMatchObject({ identity: false })
  expect(asked("1.54")).toMatchObject({ identity: true })
  const query = { filters: new Map([["annotation", ["x"]]]) }
  expect(() => reshapeQuery("GET /containers/json", query, "1.55")).toThrow("invalid filter 'annotation'")
  expect(reshapeQuery("GET /containers/json", query, "1.56")).toEqual(query)
})

test("an update changes block devices since 1.55, and the memory of TCP up to 1.51", () => {
  const body = { BlkioDeviceReadBps: [{ Path: "/dev/x", Rate: 1 }], KernelMemoryTCP: 5, PidsLimit: 9 }
  const update = (version: string) => reshapeBody("POST /containers/:id/update", body, version)
  expect(update("1.51")).toMatchObject({ BlkioDeviceReadBps: null, KernelMemoryTCP: 5 })
  expect(update("1.54")).toMatchObject({ BlkioDeviceReadBps: null, KernelMemoryTCP: undefined })
  expect(update("1.55")).toMatchObject({ BlkioDeviceReadBps: [{ Path: "/dev/x", Rate: 1 }] })
})

test("a container's own MAC address is its endpoint's up to 1.51 and nothing since 1.52; a umask is known since 1.56", () => {
  const create = (version: string) =>
    reshapeBody(
      "POST /containers/create",
      { MacAddress: "92:d0:c6:0a:29:33", HostConfig: { Umask: 0 }, NetworkingConfig: {} },
      version,
    ) as { NetworkingConfig: object; HostConfig: object }
  expect(create("1.51").NetworkingConfig).toMatchObject({
    EndpointsConfig: { default: { MacAddress: "92:d0:c6:0a:29:33" } },
  })
  expect(create("1.52").NetworkingConfig).toEqual({})
  expect(create("1.55").HostConfig).toMatchObject({ Umask: undefined })
  expect(create("1.56").HostConfig).toMatchObject({ Umask: 0 })
  const asked = (version: string) => reshapeQuery("POST /containers/create", {}, version)
  expect(asked("1.51")).toMatchObject({ warnsOfEmptyPorts: false })
  expect(asked("1.52")).toMatchObject({ warnsOfEmptyPorts: true })
})

test("a MAC address does not go with a network that is not the container's own", () => {
  for (const NetworkMode of ["host", "none", "container:x"]) {
    const body = (own: string, endpoint: string) => ({
      MacAddress: own,
      HostConfig: { NetworkMode },
      NetworkingConfig: { EndpointsConfig: { [NetworkMode]: { MacAddress: endpoint } } },
    })
    const words = "conflicting options: mac-address and the network mode"
    expect(() => reshapeBody("POST /containers/create", body("92:d0:c6:0a:29:33", ""), "1.43")).toThrow(words)
    expect(() => reshapeBody("POST /containers/create", body("", "92:d0:c6:0a:29:33"), "1.51")).toThrow(words)
    expect(() => reshapeBody("POST /containers/create", body("", ""), "1.51")).not.toThrow()
  }
})

test("parameters a version did not know are dropped, what it meant is said", () => {
  expect(reshapeQuery("POST /containers/:id/stop", { signal: "INT", t: 1 }, "1.41")).toEqual({
    signal: undefined,
    t: 1,
  })
  expect(reshapeQuery("POST /containers/:id/stop", { signal: "INT" }, "1.42")).toEqual({ signal: "INT" })
  const prune = (version: string) =>
    (reshapeQuery("POST /volumes/prune", { filters: new Map() }, version) as { filters: Map<string, string[]> }).filters
  expect(prune("1.41").get("all")).toEqual(["true"])
  expect(prune("1.42").size).toBe(0)
  expect(reshapeBody("POST /exec/:id/start", { ConsoleSize: [1, 2] }, "1.41")).toEqual({ ConsoleSize: undefined })
})

test("before 1.41 a filter by name stands beside the others", () => {
  const references = (version: string) =>
    (
      reshapeQuery("GET /images/json", { filter: "web", filters: new Map([["reference", ["db"]]]) }, version) as {
        filters: Map<string, string[]>
      }
    ).filters.get("reference")
  expect(references("1.40")).toEqual(["db", "web"])
  expect(references("1.41")).toEqual(["db"])
})

test("old clients limit the processes of what they create, and not of what they update", () => {
  const create = reshapeBody(
    "POST /containers/create",
    { HostConfig: { PidsLimit: 9 }, NetworkingConfig: {} },
    "1.32",
  ) as { HostConfig: object }
  expect(create.HostConfig).toMatchObject({ PidsLimit: 9 })
  expect(reshapeBody("POST /containers/:id/update", { PidsLimit: 9 }, "1.32")).toMatchObject({ PidsLimit: null })
})

test("docker-compose in Python asks in versions that it does not know, and is answered in one that it does", () => {
  const compose = "docker-compose/1.29.2 docker-py/5.0.3 Linux/6.1.0"
  expect(understoodVersion("1.51", compose)).toBe("1.41")
  expect(understoodVersion("1.38", compose)).toBe("1.38")
  expect(understoodVersion("1.51", "compose/v2.40.0")).toBe("1.51")
  expect(understoodVersion("1.51", undefined)).toBe("1.51")
})
