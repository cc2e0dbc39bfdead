import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs"
import { setTimeout as pause } from "node:timers/promises"
import { TestDaemon } from "../fixtures/daemon.ts"

let daemon: TestDaemon

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

const volume = (Name: string, more: object = {}) =>
  daemon.json<{ message: string; Mountpoint: string; Options: object | null }>("POST", "/volumes/create", {
    Name,
    ...more,
  })
const isMounted = (path: string) => readFileSync("/proc/mounts", "utf8").includes(` ${path} `)
const run = async (...args: string[]) => {
  const { code, stdout, stderr } = await daemon.docker("run", "--rm", ...args)
  return code === 0 ? stdout : `${code}: ${stderr}`
}
const refusal = async (HostConfig: object) =>
  (
    await daemon.json<{ message: string }>("POST", "/containers/create", {
      Image: "busybox",
      Cmd: ["true"],
      HostConfig,
    })
  ).body.message

describe("volumes with options", () => {
  test("options are checked when the volume is made", async () => {
    const made = async (DriverOpts: object) => {
      const { status, body } = await volume("checked", { DriverOpts })
      return `${status} ${body.message}`
    }
    expect(await made({ foo: "bar" })).toBe('400 create checked: invalid option: "foo"')
    expect(await made({ type: "tmpfs" })).toBe('400 create checked: missing required option: "device"')
    expect(await made({ device: "x" })).toBe('400 create checked: missing required option: "type"')
    expect(await made({ o: "ro" })).toBe('400 create checked: missing required option: "device"')
    expect(await made({ size: "10m" })).toBe("400 create checked: quota size requested but no quota support")
    expect(await made({ type: "cifs", device: "//host:445/share" })).toContain("port not allowed in CIFS device URL")
    expect((await daemon.get("/volumes/checked")).status).toBe(404)
  })

  test("a tmpfs is mounted for its first user and unmounted after its last", async () => {
    const options = { type: "tmpfs", device: "tmpfs", o: "size=1m,uid=1000" }
    const { body } = await volume("tm", { DriverOpts: options })
    expect(body.Options).toEqual(options)
    expect(isMounted(body.Mountpoint)).toBe(false)
    await daemon.docker("run", "-d", "--name", "one", "-v", "tm:/t", "busybox", "sleep", "1000")
    expect(await run("-v", "tm:/t", "busybox", "sh", "-c", "stat -c %u /t; echo shared >/t/file")).toBe("1000\n")
    expect((await daemon.docker("exec", "one", "cat", "/t/file")).stdout).toBe("shared\n")
    expect(isMounted(body.Mountpoint)).toBe(true)
    await daemon.docker("rm", "-f", "one")
    const removed = await daemon.request("DELETE", "/volumes/tm")
    expect([removed.status, isMounted(body.Mountpoint)]).toEqual([204, false])
  })

  test("what a bind volume names is not touched when the volume is removed, even while it is mounted", async () => {
    const precious = `${daemon.root}/precious`
    mkdirSync(precious)
    writeFileSync(`${precious}/data`, "kept")
    const { body } = await volume("bound", { DriverOpts: { type: "none", o: "bind", device: precious } })
    expect(await run("-v", "bound:/b", "busybox", "cat", "/b/data")).toBe("kept")
    spawnSync("mount", ["--bind", precious, body.Mountpoint])
    expect((await daemon.request("DELETE", "/volumes/bound")).status).toBe(204)
    expect(readFileSync(`${precious}/data`, "utf8")).toBe("kept")
  })

  test("what is mounted in a volume whose removal a crash cut off is not deleted either", async () => {
    const precious = `${daemon.root}/dear`
    const trash = `${daemon.root}/data/volumes/.trash/cut-off/_data`
    mkdirSync(precious)
    mkdirSync(trash, { recursive: true })
    writeFileSync(`${precious}/data`, "kept")
    spawnSync("mount", ["--bind", precious, trash])
    await daemon.end("SIGTERM")
    await daemon.startAgain()
    while (existsSync(trash)) await pause(5)
    expect(readFileSync(`${precious}/data`, "utf8")).toBe("kept")
  })

  test("a daemon that comes back keeps what runs mounted and unmounts the rest", async () => {
    const mounted = (await volume("stays", { DriverOpts: { type: "tmpfs", device: "tmpfs" } })).body.Mountpoint
    const lost = (await volume("goes", { DriverOpts: { type: "tmpfs", device: "tmpfs" } })).body.Mountpoint
    await daemon.docker("run", "-d", "--name", "stayer", "-v", "stays:/t", "busybox", "sleep", "1000")
    await daemon.docker("run", "-d", "--name", "goer", "-v", "goes:/t", "busybox", "sleep", "1000")
    const { State } = (await daemon.json<{ State: { Pid: number } }>("GET", "/containers/goer/json")).body
    await daemon.docker("exec", "stayer", "sh", "-c", "echo still >/t/here")
    await daemon.end("SIGKILL")
    process.kill(State.Pid, "SIGKILL")
    await daemon.startAgain()
    expect(await run("-v", "stays:/t", "busybox", "cat", "/t/here")).toBe("still\n")
    expect(isMounted(mounted)).toBe(true)
    await daemon.docker("rm", "-f", "stayer", "goer")
    expect((await daemon.request("DELETE", "/volumes/stays")).status).toBe(204)
    expect((await daemon.request("DELETE", "/volumes/goes")).status).toBe(204)
    expect([isMounted(mounted), isMounted(lost)]).toEqual([false, false])
  })

  test("a file system that cannot be mounted fails the start in Docker's words, without its password", async () => {
    await volume("bad", { DriverOpts: { type: "ext4", device: "/dev/no-such-device", o: "password=secret" } })
    const told = await run("-v", "bad:/t", "busybox", "true")
    expect(told).toContain("error while mounting volume")
    expect(told).toContain("failed to mount local volume: mount /dev/no-such-device:")
    expect(told).not.toContain("secret")
  })
})

describe("volumes", () => {
  test("creating again gives the same volume; drivers that are not there are told", async () => {
    expect((await volume("same", { Labels: { a: "1" } })).status).toBe(201)
    expect((await volume("same", { Labels: { b: "2" } })).body).toMatchObject({ Name: "same", Labels: { a: "1" } })
    const { status, body } = await volume("other", { Driver: "nowhere" })
    expect([status, body.message]).toEqual([
      404,
      'create other: error looking up volume plugin nowhere: plugin "nowhere" not found',
    ])
  })

  test("events tell of creation, use and removal", async () => {
    const since = Date.now() / 1000
    await volume("told")
    await run("-v", "told:/t:ro", "busybox", "true")
    await daemon.request("DELETE", "/volumes/told")
    const filters = encodeURIComponent(JSON.stringify({ volume: ["told"] }))
    const { text } = await daemon.get(`/events?since=${since}&until=${Date.now() / 1000 + 0.1}&filters=${filters}`)
    const events = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line))
    expect(events.map((event) => event.Action)).toEqual(["create", "mount", "unmount", "destroy"])
    expect(events[1].Actor.Attributes).toMatchObject({ destination: "/t", driver: "local", "read/write": "false" })
  })

  test("--volumes-from takes everything over, read-only where asked; anonymous volumes go with their last user", async () => {
    await daemon.docker("create", "--name", "parent", "-v", "/anonymous", "-v", "named:/named", "busybox")
    const { Mounts } = (
      await daemon.json<{ Mounts: { Name: string; Destination: string }[] }>("GET", "/containers/parent/json")
    ).body
    const anonymous = Mounts.find((mount) => mount.Destination === "/anonymous")!.Name
    await daemon.docker("create", "--name", "child", "--volumes-from", "parent:ro", "busybox", "touch", "/named/x")
    const child = await daemon.docker("start", "-a", "child")
    expect(child.stderr).toContain("Read-only file system")
    await daemon.docker("rm", "-v", "parent")
    expect((await daemon.get(`/volumes/${anonymous}`)).status).toBe(200)
    await daemon.docker("rm", "-v", "child")
    expect((await daemon.get(`/volumes/${anonymous}`)).status).toBe(404)
    expect((await daemon.get("/volumes/named")).status).toBe(200)
    expect(await refusal({ VolumesFrom: ["nobody"] })).toBe("No such container: nobody")
    expect(await refusal({ VolumesFrom: ["nobody:shared"] })).toBe("invalid mode: shared")
  })
})

describe("subpaths", () => {
  test("a part of a volume is mounted; links do not lead out of it", async () => {
    const { body } = await volume("parts")
    mkdirSync(`${body.Mountpoint}/inner`)
    writeFileSync(`${body.Mountpoint}/inner/file`, "inner")
    symlinkSync("inner", `${body.Mountpoint}/good`)
    symlinkSync("/", `${body.Mountpoint}/bad`)
    const mount = (subpath: string) => ["--mount", `type=volume,src=parts,dst=/p,volume-subpath=${subpath}`]
    expect(await run(...mount("inner"), "busybox", "cat", "/p/file")).toBe("inner")
    expect(await run(...mount("good"), "busybox", "cat", "/p/file")).toBe("inner")
    expect(await run(...mount("inner/file"), "busybox", "cat", "/p")).toBe("inner")
    expect(await run(...mount("bad"), "busybox", "true")).toContain("path concatenation escapes the base directory")
    expect(await run(...mount("missing"), "busybox", "true")).toContain("cannot access path ")
    expect(await run(...mount("../x"), "busybox", "true")).toContain(
      "subpath must be a relative path within the volume",
    )
  })

  test("a single file is mounted, read-only where asked", async () => {
    writeFileSync(`${daemon.root}/single`, "single")
    const bind = (mode: string) => ["-v", `${daemon.root}/single:/file${mode}`]
    expect(await run(...bind(":ro"), "busybox", "cat", "/file")).toBe("single")
    expect(await run(...bind(":ro"), "busybox", "sh", "-c", "echo x >/file")).toContain("Read-only file system")
    expect(await run("-v", `${daemon.root}/single:/etc/hostname:ro`, "busybox", "cat", "/etc/hostname")).toBe("single")
    expect(await run(...bind(""), "busybox", "sh", "-c", "echo changed >/file; cat /file")).toBe("changed\n")
  })

  test("an image is mounted read-only, whole or in part, and stays while a container uses it", async () => {
    const folder = `${daemon.root}/image/deep`
    mkdirSync(folder, { recursive: true })
    writeFileSync(`${folder}/file`, "from the image")
    const archive = spawnSync("tar", ["-C", `${daemon.root}/image`, "-c", "."], { maxBuffer: 1 << 24 }).stdout
    await daemon.request("POST", "/images/create?fromSrc=-&repo=data", archive, { "content-type": "application/x-tar" })
    expect(await run("--mount", "type=image,src=data,dst=/i", "busybox", "cat", "/i/deep/file")).toBe("from the image")
    expect(await run("--mount", "type=image,src=data,dst=/i,image-subpath=deep", "busybox", "cat", "/i/file")).toBe(
      "from the image",
    )
    const file = ["--mount", "type=image,src=data,dst=/i,image-subpath=deep/file"]
    expect(await run(...file, "busybox", "cat", "/i")).toBe("from the image")
    expect(await run("--mount", "type=image,src=data,dst=/i", "busybox", "touch", "/i/x")).toContain(
      "Read-only file system",
    )
    await daemon.docker(
      "run",
      "-d",
      "--name",
      "user",
      "--mount",
      "type=image,src=data,dst=/i",
      "busybox",
      "sleep",
      "1000",
    )
    const refused = await daemon.request("DELETE", "/images/data")
    expect([refused.status, refused.text]).toEqual([409, expect.stringContaining("is using its referenced image")])
    expect((await daemon.docker("cp", "user:/i/deep/file", "-")).code).toBe(0)
    await daemon.docker("rm", "-f", "user")
    expect((await daemon.request("DELETE", "/images/data")).status).toBe(200)
    expect(
      (
        await daemon.json<{ message: string }>("POST", "/containers/create", {
          Image: "busybox",
          HostConfig: { Mounts: [{ Type: "image", Source: "nope", Target: "/x" }] },
        })
      ).status,
    ).toBe(404)
  })
})

describe("what is refused", () => {
  test("mounts that make no sense, in Docker's words", async () => {
    const mount = (entry: object) => refusal({ Mounts: [entry] })
    const bind = (text: string) => refusal({ Binds: [text] })
    expect(await mount({ Type: "nope", Target: "/x" })).toBe('invalid mount config for type "nope": mount type unknown')
    expect(await mount({ Type: "bind", Source: "/tmp" })).toBe(
      'invalid mount config for type "bind": field Target must not be empty',
    )
    expect(await mount({ Type: "bind", Source: "/no/such", Target: "/x" })).toBe(
      'invalid mount config for type "bind": bind source path does not exist: /no/such',
    )
    expect(await mount({ Type: "volume", Target: "/x", ReadOnly: true })).toBe(
      'invalid mount config for type "volume": must not set ReadOnly mode when using anonymous volumes',
    )
    expect(await mount({ Type: "tmpfs", Source: "/a", Target: "/x" })).toBe(
      'invalid mount config for type "tmpfs": field Source must not be specified',
    )
    expect(await mount({ Type: "tmpfs", Target: "/x", TmpfsOptions: { Options: [["suid"]] } })).toBe(
      'invalid mount config for type "tmpfs": invalid option: suid',
    )
    expect(
      await mount({ Type: "bind", Source: "/tmp", Target: "/x", BindOptions: { ReadOnlyForceRecursive: true } }),
    ).toBe("mount options conflict: !ReadOnly && BindOptions.ReadOnlyForceRecursive")
    expect(await bind("/a:/b:rw,ro")).toBe("invalid mode: rw,ro")
    expect(await bind("/a:/b:c:d")).toBe("invalid volume specification: '/a:/b:c:d'")
    expect(await bind("name:relative")).toBe(
      "invalid volume specification: 'name:relative': invalid mount config for type \"volume\": invalid mount path: 'relative' mount path must be absolute",
    )
    expect(await bind("/a:/")).toContain("invalid specification: destination can't be '/'")
    expect(await bind("name:/b:shared")).toContain("field BindOptions must not be specified")
    expect(await refusal({ Binds: ["/a:/x"], Tmpfs: { "/x": "" } })).toBe("Duplicate mount point: /x")
    expect(await refusal({ Binds: [`${daemon.root}/data:/x:shared`] })).toContain(
      'must use either propagation mode "rslave" or "rshared"',
    )
  })

  test("a destination inside /proc fails the start", async () => {
    expect(await run("-v", "/proc/sys", "busybox", "true")).toContain(
      '"/proc/sys" cannot be mounted because it is inside /proc',
    )
  })

  test("a missing source is made for -v, at the start", async () => {
    const source = `${daemon.root}/made/later`
    await daemon.docker("create", "--name", "maker", "-v", `${source}:/m`, "busybox", "touch", "/m/x")
    expect(existsSync(source)).toBe(false)
    await daemon.docker("start", "-a", "maker")
    expect(existsSync(`${source}/x`)).toBe(true)
  })
})
