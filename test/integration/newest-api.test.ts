import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { attestedImage, materials, otherPlatform, ownPlatform, provenance } from "../fixtures/attested-image.ts"
import { TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const asked = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
  const answer = await daemon.json<T>(method, path, body)
  if (answer.status >= 400) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body
}
const create = (body: object, version = "", name = "") =>
  asked<{ Id: string; Warnings: string[] }>("POST", `${version}/containers/create?name=${name}`, {
    Image: "busybox",
    Cmd: ["top"],
    ...body,
  })
const remove = (id: string) => asked("DELETE", `/containers/${id}?force=1`)
const inspect = (id: string, version = "") =>
  asked<Record<string, Record<string, unknown>>>("GET", `${version}/containers/${id}/json`)
const filtered = (filters: object) => `filters=${encodeURIComponent(JSON.stringify(filters))}`
const tar = { "content-type": "application/x-tar" }
const load = (archive: Uint8Array, query = "") => daemon.request("POST", `/images/load${query}`, archive, tar)

test("a container shows its address once since 1.52, in its network; 1.51 and before also beside it", async () => {
  const { Id } = await create({})
  await asked("POST", `/containers/${Id}/start`)
  const [now, before] = [await inspect(Id), await inspect(Id, "/v1.51")]
  const endpoint = (now["NetworkSettings"]!["Networks"] as Record<string, { IPAddress: string }>)["bridge"]!
  expect(endpoint.IPAddress).toMatch(/^10\./)
  expect(Object.keys(now["NetworkSettings"]!)).toEqual(["SandboxID", "SandboxKey", "Ports", "Networks"])
  expect(before["NetworkSettings"]).toMatchObject({ IPAddress: endpoint.IPAddress, Bridge: "", HairpinMode: false })
  expect(now["Config"]).not.toHaveProperty("OnBuild")
  expect(before["Config"]!["OnBuild"]).toBeNull()
  await remove(Id)
})

test("a MAC address of the container as a whole is taken up to 1.51 and ignored since 1.52", async () => {
  const MacAddress = "02:42:ac:11:00:63"
  const wished = async (version: string) => {
    const { Id } = await create({ MacAddress }, version)
    const { Networks } = (await inspect(Id))["NetworkSettings"] as { Networks: Record<string, { MacAddress: string }> }
    const shown = (await inspect(Id, "/v1.51"))["Config"]!["MacAddress"]
    await remove(Id)
    return [Networks["bridge"]?.MacAddress, shown]
  }
  expect(await wished("/v1.51")).toEqual([MacAddress, MacAddress])
  expect(await wished("/v1.52")).toEqual(["", undefined])
})

test("a port without bindings is warned of since 1.52, and published in every version", async () => {
  const ports = { ExposedPorts: { "80/tcp": {} }, HostConfig: { PortBindings: { "80/tcp": [] } } }
  const before = await create(ports, "/v1.51")
  const now = await create(ports, "/v1.52")
  expect(before.Warnings).toEqual([])
  expect(now.Warnings).toEqual([
    "Following container port(s) have an empty list of port-bindings: 80/tcp. Such bindings will be discarded in a future version.",
  ])
  await asked("POST", `/containers/${now.Id}/start`)
  const { Ports } = (await inspect(now.Id))["NetworkSettings"] as { Ports: Record<string, { HostPort: string }[]> }
  expect(Number(Ports["80/tcp"]?.[0]?.HostPort)).toBeGreaterThan(0)
  for (const { Id } of [before, now])
    expect((await inspect(Id))["HostConfig"]!["PortBindings"]).toEqual({ "80/tcp": [{ HostIp: "", HostPort: "" }] })
  await remove(before.Id)
  await remove(now.Id)
})

test("a umask is that of every process of the container since 1.56, and unknown before", async () => {
  const script = ["sh", "-c", "umask; exec top"]
  const { Id } = await create({ Cmd: script, Tty: true, HostConfig: { Umask: 0o027 } })
  await asked("POST", `/containers/${Id}/start`)
  const said = await daemon.docker("exec", Id, "sh", "-c", "umask")
  expect(said.stdout).toBe("0027\n")
  const { text } = await daemon.get(`/containers/${Id}/logs?stdout=1`)
  expect(text).toStartWith("0027\r\n")
  expect((await inspect(Id))["HostConfig"]!["Umask"]).toBe(0o027)
  expect((await inspect(Id, "/v1.55"))["HostConfig"]).not.toHaveProperty("Umask")
  const older = await create({ HostConfig: { Umask: 0o027 } }, "/v1.55")
  expect((await inspect(older.Id))["HostConfig"]).not.toHaveProperty("Umask")
  const refused = await daemon.json<{ message: string }>("POST", "/containers/create", {
    Image: "busybox",
    HostConfig: { Umask: 0o1000 },
  })
  expect([refused.status, refused.body.message]).toEqual([
    400,
    "invalid umask 512: it must be between 0 and 511 (octal 0777)",
  ])
  await remove(Id)
  await remove(older.Id)
})

test("containers are found by annotations since 1.56, and listed with their health since 1.52", async () => {
  const { Id } = await create({ HostConfig: { Annotations: { team: "blue" } } })
  const found = (annotation: string, version = "") =>
    daemon.json<{ Id: string }[]>("GET", `${version}/containers/json?all=1&${filtered({ annotation: [annotation] })}`)
  for (const annotation of ["team", "team=blue"])
    expect((await found(annotation)).body.map((each) => each.Id)).toEqual([Id])
  for (const annotation of ["team=red", "blue"]) expect((await found(annotation)).body).toEqual([])
  expect((await found("team", "/v1.55")).status).toBe(400)
  const listed = async (version: string) =>
    (await asked<{ Health?: object }[]>("GET", `${version}/containers/json?all=1&${filtered({ id: [Id] })}`))[0]?.Health
  expect(await listed("/v1.51")).toBeUndefined()
  expect(await listed("/v1.52")).toEqual({ Status: "none", FailingStreak: 0 })
  await remove(Id)
})

const blockDevice = readdirSync("/sys/block")
  .map((name) => `/dev/${name}`)
  .find((path) => existsSync(path))

test.skipIf(!blockDevice)("rules for block devices change and vanish in a running container since 1.55", async () => {
  const { Id } = await create({})
  await asked("POST", `/containers/${Id}/start`)
  const rules = () =>
    [
      `/sys/fs/cgroup/blkio/${daemon.bridge}/${Id}/blkio.throttle.read_bps_device`,
      `/sys/fs/cgroup/${daemon.bridge}/${Id}/io.max`,
    ]
      .filter((path) => existsSync(path))
      .map((path) => readFileSync(path, "utf8").trim())
      .join("")
  const update = (BlkioDeviceReadBps: object[] | null, version = "") =>
    asked("POST", `${version}/containers/${Id}/update`, { BlkioDeviceReadBps })
  const shown = async () => (await inspect(Id))["HostConfig"]!["BlkioDeviceReadBps"]
  const rule = { Path: blockDevice!, Rate: 1_048_576 }
  await update([rule], "/v1.54")
  expect([rules(), await shown()]).toEqual(["", null])
  await update([rule])
  expect(rules()).toMatch(/^\d+:\d+ (rbps=)?1048576/)
  expect(await shown()).toEqual([rule])
  await update(null)
  expect(rules()).toMatch(/1048576/)
  await update([])
  expect([rules(), await shown()]).toEqual(["", []])
  await remove(Id)
})

test("a network tells since 1.52 how many of its addresses are in use", async () => {
  const Config = [{ Subnet: "10.99.7.0/24", IPRange: "10.99.7.128/25" }]
  await asked("POST", "/networks/create", { Name: "counted", IPAM: { Driver: "default", Config } })
  type Shown = { Status?: { IPAM: { Subnets: Record<string, object> } } }
  const status = async (version = "") => (await asked<Shown>("GET", `${version}/networks/counted`)).Status
  expect(await status("/v1.51")).toBeUndefined()
  const empty = (await status("/v1.52"))?.IPAM.Subnets["10.99.7.0/24"] as Record<string, number>
  const { Id } = await create({ HostConfig: { NetworkMode: "counted" } })
  await asked("POST", `/containers/${Id}/start`)
  expect(await status()).toEqual({
    IPAM: {
      Subnets: {
        "10.99.7.0/24": {
          IPsInUse: empty["IPsInUse"]! + 1,
          DynamicIPsAvailable: empty["DynamicIPsAvailable"]! - 1,
        },
      },
    },
  })
  await remove(Id)
  await asked("DELETE", "/networks/counted")
  expect((await asked<Shown>("GET", "/networks/none")).Status).toEqual({ IPAM: { Subnets: {} } })
})

test("disk usage counts what is active, and what can be had back", async () => {
  const { Id } = await create({})
  await asked("POST", `/containers/${Id}/start`)
  const idle = await create({})
  await asked("POST", "/volumes/create", { Name: "unused" })
  type Usage = { ActiveCount: number; TotalCount: number; Reclaimable: number; TotalSize: number; Items?: object[] }
  const usage = await asked<Record<string, Usage>>("GET", "/system/df?verbose=1")
  expect(usage["ContainerUsage"]).toMatchObject({ ActiveCount: 1, TotalCount: 2 })
  expect(usage["ContainerUsage"]!.Items).toHaveLength(2)
  expect(usage["ImageUsage"]).toMatchObject({ ActiveCount: 1, TotalCount: 1, Reclaimable: 0 })
  expect(usage["ImageUsage"]!.TotalSize).toBeGreaterThan(0)
  expect(usage["VolumeUsage"]).toMatchObject({ ActiveCount: 0, TotalCount: 1 })
  await remove(Id)
  await remove(idle.Id)
  await asked("DELETE", "/volumes/unused")
  const free = await asked<Record<string, Usage>>("GET", "/system/df?type=image")
  expect(free["ImageUsage"]!.Reclaimable).toBe(free["ImageUsage"]!.TotalSize)
  expect(free["ImageUsage"]!.Items).toBeUndefined()
})

test("the statements that attest an image are listed, of one kind or all, and with their text when asked", async () => {
  expect((await load(attestedImage("docker.io/library/attested:1"))).text).toContain("Loaded image: attested:1")
  type Statement = { PredicateType: string; Statement?: { predicateType: string } }
  const statements = (query: string) => asked<Statement[]>("GET", `/images/attested:1/attestations?${query}`)
  const all = await statements("")
  expect(all.map(({ PredicateType }) => PredicateType)).toEqual([provenance, materials])
  expect(all[0]).toMatchObject({ Descriptor: { mediaType: "application/vnd.in-toto+json" } })
  expect(all[0]).not.toHaveProperty("Statement")
  const [one, ...others] = await statements(`type=${encodeURIComponent(materials)}&statement=1`)
  expect(others).toEqual([])
  expect(one?.Statement?.predicateType).toBe(materials)
  expect(await statements(`platform=${ownPlatform}`)).toHaveLength(2)
  expect(await statements(`platform=${otherPlatform}`)).toEqual([])
  await asked("DELETE", "/images/attested:1")
})

test("an image is saved and loaded for several platforms at once since 1.52", async () => {
  const both = `platform=${ownPlatform}&platform=${otherPlatform}`
  await load(attestedImage("docker.io/library/wide:1"))
  const [whole, two] = await Promise.all([daemon.get("/images/wide:1/get"), daemon.get(`/images/wide:1/get?${both}`)])
  expect(two.status).toBe(200)
  // Without the attestation, which is for no platform.
  expect(two.bytes.length).toBeLessThan(whole.bytes.length)
  await asked("DELETE", "/images/wide:1")
  expect((await load(two.bytes, `?${both}`)).text).toContain("Loaded image: wide:1")
  for (const platform of [ownPlatform, otherPlatform]) {
    const { Architecture } = await asked<{ Architecture: string }>("GET", `/images/wide:1/json?platform=${platform}`)
    expect(platform).toContain(Architecture)
  }
  await asked("DELETE", "/images/wide:1")
  const missing = await load(two.bytes, `?${both}&platform=linux/riscv64`)
  expect(missing.text).toContain("has nothing for platform linux/riscv64")
  expect((await daemon.get("/images/wide:1/json")).status).toBe(404)
})
