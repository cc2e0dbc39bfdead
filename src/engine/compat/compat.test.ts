import { expect, test } from "bun:test"
import { understoodVersion } from "./clients.ts"
import { reshapeBody, reshapeQuery } from "./requests.ts"
import { recordReshaper, reshapeResponse } from "./responses.ts"
import { checkVersion, compareVersions } from "./version.ts"

test("versions are ordered as numbers, not as text", () => {
  expect(compareVersions("1.9", "1.10")).toBeLessThan(0)
  expect(compareVersions("1.51", "1.51")).toBe(0)
  expect(compareVersions("2.0", "1.99")).toBeGreaterThan(0)
  expect(() => checkVersion("1.24")).not.toThrow()
  expect(() => checkVersion("1.51")).not.toThrow()
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
    Config: { Hostname: "h" },
    NetworkSettings: { Networks: { mine: { Aliases: ["web"] }, bridge: { Aliases: null } } },
  }
  expect(reshapeResponse("GET /containers/:id/json", value, "1.44")).toMatchObject({
    NetworkSettings: { Networks: { mine: { Aliases: ["web", "0123456789ab", "h"] }, bridge: { Aliases: null } } },
  })
  expect(reshapeResponse("GET /containers/:id/json", value, "1.45")).toEqual(value)
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
  expect(reshapeBody("POST /containers/:id/update", { PidsLimit: 9 }, "1.32")).toEqual({ PidsLimit: null })
})

test("docker-compose in Python asks in versions that it does not know, and is answered in one that it does", () => {
  const compose = "docker-compose/1.29.2 docker-py/5.0.3 Linux/6.1.0"
  expect(understoodVersion("1.51", compose)).toBe("1.41")
  expect(understoodVersion("1.38", compose)).toBe("1.38")
  expect(understoodVersion("1.51", "compose/v2.40.0")).toBe("1.51")
  expect(understoodVersion("1.51", undefined)).toBe("1.51")
})
