import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { createHash, randomBytes } from "node:crypto"
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { gunzipSync, gzipSync, zstdCompressSync } from "node:zlib"
import type { TarEntry } from "../../src/std/tar/entry.ts"
import { TarParser } from "../../src/std/tar/parser.ts"
import { encodeHeader, endOfArchive } from "../../src/std/tar/writer.ts"
import { type Answer, TestDaemon } from "../fixtures/daemon.ts"
import { type Member, tarOf } from "../tar-archive.ts"

let daemon: TestDaemon
let running: string

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
  running = await create({ Cmd: ["sleep", "1000"] }, { Binds: ["shared:/volume"], Tmpfs: { "/tmpfs": "" } })
  await daemon.request("POST", `/containers/${running}/start`)
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
})

async function create(config: object, HostConfig: object = {}): Promise<string> {
  const { status, body } = await daemon.json<{ Id: string; message?: string }>("POST", "/containers/create", {
    Image: "busybox",
    ...config,
    HostConfig,
  })
  if (status !== 201) throw new Error(body.message)
  return body.Id
}

const query = (path: string, more = "") => `archive?path=${encodeURIComponent(path)}${more}`
const put = (id: string, path: string, archive: Uint8Array, more = "") =>
  daemon.request("PUT", `/containers/${id}/${query(path, more)}`, archive, { "content-type": "application/x-tar" })
const get = (id: string, path: string, headers: Record<string, string> = {}) =>
  daemon.request("GET", `/containers/${id}/${query(path)}`, undefined, headers)
const statusOf = (answer: Answer) =>
  JSON.parse(Buffer.from(String(answer.headers["x-docker-container-path-stat"]), "base64").toString("utf8"))
const sh = async (id: string, script: string) => {
  const { stdout, stderr } = await daemon.docker("exec", id, "sh", "-c", script)
  return stdout + stderr
}

function unpack(archive: Buffer): { entry: TarEntry; content: Buffer }[] {
  const found: { entry: TarEntry; content: Buffer }[] = []
  const parser = new TarParser({
    entry: (entry) => found.push({ entry, content: Buffer.alloc(0) }),
    data: (bytes) => {
      const last = found.at(-1)!
      last.content = Buffer.concat([last.content, bytes])
    },
    end: () => {},
  })
  parser.push(archive)
  parser.finish()
  return found
}
const names = (archive: Buffer) => unpack(archive).map(({ entry }) => entry.name.toString())

describe("reading", () => {
  test("HEAD tells name, size, Go's mode bits, time and where a link leads", async () => {
    await sh(
      running,
      "mkdir -p /s/d; echo 12345 >/s/f; chmod 4640 /s/f; touch -d @1500000000 /s/f; ln -s d/../f /s/l; ln -s no/where /s/b; mkfifo /s/p; chmod 1777 /s/d",
    )
    const status = async (path: string) =>
      statusOf(await daemon.request("HEAD", `/containers/${running}/${query(path)}`))
    expect(await status("/s/f")).toEqual({
      name: "f",
      size: 6,
      mode: 2 ** 23 + 0o640,
      mtime: "2017-07-14T02:40:00Z",
      linkTarget: "",
    })
    expect((await status("/s/d")).mode).toBe(2 ** 31 + 2 ** 20 + 0o777)
    expect((await status("/s/p")).mode).toBe(2 ** 25 + 0o644)
    expect(await status("/s/l")).toMatchObject({ name: "l", mode: 2 ** 27 + 0o777, linkTarget: "/s/f" })
    expect((await status("/s/b")).linkTarget).toBe("/s/no/where")
    expect((await status("/dev/null")).mode).toBe(2 ** 26 + 2 ** 21 + 0o666)
  })

  test("entries are named by the last component; `/.` means the directory's contents", async () => {
    await sh(running, "mkdir -p /n/dir/sub; echo x >/n/dir/sub/file; ln -s dir /n/link")
    expect(names((await get(running, "/n/dir")).bytes)).toEqual(["dir/", "dir/sub/", "dir/sub/file"])
    expect(names((await get(running, "n/dir/.")).bytes)).toEqual(["./", "./sub/", "./sub/file"])
    for (const path of ["/n/dir/./", "/n//dir/sub/../."]) {
      expect(names((await get(running, path)).bytes)).toEqual(["./", "./sub/", "./sub/file"])
    }
    expect(names((await get(running, "./")).bytes)).toContain("./n/dir/sub/file")
    expect(names((await get(running, "/n/dir/sub/file")).bytes)).toEqual(["file"])
    expect(names((await get(running, "/n/link")).bytes)).toEqual(["link"])
    expect(names((await get(running, "/n/link/")).bytes)).toEqual(["link/", "link/sub/", "link/sub/file"])
  })

  test("the answer is compressed for those who take gzip", async () => {
    const plain = await get(running, "/etc/passwd")
    expect(plain.headers["content-type"]).toBe("application/x-tar")
    expect(plain.headers["content-encoding"]).toBeUndefined()
    const zipped = await get(running, "/etc/passwd", { "accept-encoding": "deflate, gzip;q=0.5" })
    expect(zipped.headers["content-encoding"]).toBe("gzip")
    expect(gunzipSync(zipped.bytes).equals(plain.bytes)).toBe(true)
    expect(
      (await get(running, "/etc/passwd", { "accept-encoding": "gzip;q=0" })).headers["content-encoding"],
    ).toBeUndefined()
  })

  test("what does not exist is told in Docker's words", async () => {
    const missing = await get(running, "/not/there")
    expect(missing.status).toBe(404)
    expect(JSON.parse(missing.text).message).toBe(`Could not find the file /not/there in container ${running}`)
    expect((await daemon.request("HEAD", `/containers/${running}/${query("/nope")}`)).status).toBe(404)
    expect((await put(running, "/nope", tarOf())).status).toBe(404)
    expect((await get("nobody", "/")).status).toBe(404)
    const empty = await daemon.request("GET", `/containers/${running}/archive`)
    expect([empty.status, JSON.parse(empty.text).message]).toEqual([400, "bad parameter: 'path' cannot be empty"])
    expect(JSON.parse((await get(running, "/etc/passwd/")).text).message).toContain("not a directory")
  })

  test("the whole tree leaves out what the kernel makes up, and has volumes and tmpfs", async () => {
    await sh(running, "echo v >/volume/in-volume; echo t >/tmpfs/in-tmpfs")
    const found = names((await get(running, "/")).bytes)
    expect(found).toContain("/volume/in-volume")
    expect(found).toContain("/tmpfs/in-tmpfs")
    expect(found.filter((name) => /^\/(proc|sys|dev)\//.test(name) && !/^\/(proc|sys|dev)\/$/.test(name))).toEqual([])
  })

  test("what was put into a tmpfs before the start is read from beneath it, where the tmpfs has nothing of the name", async () => {
    const id = await create({ Cmd: ["sleep", "1000"] }, { Tmpfs: { "/tmp/fs": "" } })
    await put(id, "/tmp", tarOf(["fs/", { type: "directory" }], ["fs/below/", { type: "directory" }]))
    await put(id, "/tmp/fs/below", tarOf(["only", {}, "before"]))
    await put(id, "/tmp/fs", tarOf(["both", {}, "before"]))
    await daemon.request("POST", `/containers/${id}/start`)
    await sh(id, "echo -n after > /tmp/fs/both; ln -s /tmp/fs /link")
    const content = async (path: string) => unpack((await get(id, path)).bytes)[0]?.content.toString()
    expect(await content("/tmp/fs/below/only")).toBe("before")
    expect(await content("/link/below/only")).toBe("before")
    expect(await content("/tmp/fs/both")).toBe("after")
    const head = await daemon.request("HEAD", `/containers/${id}/${query("/tmp/fs/below")}`)
    expect(statusOf(head)).toMatchObject({ name: "below" })
    expect((await get(id, "/tmp/fs/neither")).status).toBe(404)
    expect((await get(id, "/nowhere/at/all")).status).toBe(404)
    await daemon.request("DELETE", `/containers/${id}?force=1&v=1`)
  })

  test("what lies beneath a volume is not read in its place", async () => {
    const id = await create({ Cmd: ["sleep", "1000"] }, { Tmpfs: { "/t": "" } })
    await put(id, "/", tarOf(["t/", { type: "directory" }], ["t/v/", { type: "directory" }], ["t/v/hidden", {}, "x"]))
    const { status } = await daemon.request("POST", `/commit?container=${id}&repo=hides`)
    expect(status).toBe(201)
    const over = await create(
      { Image: "hides", Cmd: ["sleep", "1000"] },
      {
        Tmpfs: { "/t": "" },
        Mounts: [{ Type: "volume", Source: "empty", Target: "/t/v", VolumeOptions: { NoCopy: true } }],
      },
    )
    await daemon.request("POST", `/containers/${over}/start`)
    expect((await get(over, "/t/v/hidden")).status).toBe(404)
    for (const each of [id, over]) await daemon.request("DELETE", `/containers/${each}?force=1&v=1`)
  })

  test("a reader that stops half-way leaves nothing behind, and the container can be started", async () => {
    const idle = await create({ Cmd: ["true"] })
    await put(idle, "/", tarOf(["big", { size: 64 << 20 }, Buffer.alloc(64 << 20, 7)]))
    await new Promise<void>((done) => {
      const asked = request(
        { socketPath: daemon.socket, path: `/containers/${idle}/${query("/big")}`, agent: false },
        (answer) => {
          answer.once("data", () => {
            asked.destroy()
            done()
          })
        },
      )
      asked.on("error", () => {})
      asked.end()
    })
    expect((await daemon.request("POST", `/containers/${idle}/start`)).status).toBe(204)
  })
})

test("files are safe when they are copied at the moment their container starts or ends", async () => {
  const id = await create({ Cmd: ["sh", "-c", "echo run >>/kept"] }, { Binds: ["moment:/volume"] })
  const rounds = 15
  for (let round = 0; round < rounds; round++) {
    const wait = daemon.request("POST", `/containers/${id}/wait?condition=next-exit`)
    const started = daemon.request("POST", `/containers/${id}/start`)
    const copies = Array.from({ length: 4 }, () => get(id, "/etc"))
    expect((await started).status).toBe(204)
    await wait
    copies.push(get(id, "/etc"), put(id, "/volume", tarOf([`from-${round}`])))
    for (const copy of await Promise.all(copies)) expect(copy.status).toBe(200)
  }
  expect(unpack((await get(id, "/kept")).bytes)[0]!.content.toString()).toBe("run\n".repeat(rounds))
  expect(names((await get(id, "/bin/")).bytes).length).toBeGreaterThan(0)
  expect(names((await get(id, "/volume")).bytes)).toHaveLength(rounds + 1)
})

describe("writing", () => {
  test("plain and compressed archives arrive whole, large ones too", async () => {
    const content = randomBytes(9_000_001)
    const sum = createHash("sha256").update(content).digest("hex")
    const archive = tarOf(["big", {}, content])
    for (const [name, bytes] of [
      ["plain", archive],
      ["gzip", gzipSync(archive)],
      ["zstd", zstdCompressSync(archive)],
    ] as const) {
      await sh(running, `mkdir -p /w/${name}`)
      expect((await put(running, `/w/${name}`, bytes)).status).toBe(200)
      expect(await sh(running, `sha256sum /w/${name}/big`)).toStartWith(sum)
    }
  })

  test("what a container that does not run gets, in its own files and in a volume, is there when it runs", async () => {
    const idle = await create({ Cmd: ["cat", "/etc/mine", "/volume/for-both"] }, { Binds: ["shared:/volume"] })
    expect((await put(idle, "/etc", tarOf(["mine", {}, "mine "]))).status).toBe(200)
    expect((await put(idle, "/volume", tarOf(["for-both", {}, "both"]))).status).toBe(200)
    expect(await sh(running, "cat /volume/for-both")).toBe("both")
    expect((await daemon.docker("start", "-a", idle)).stdout).toBe("mine both")
    expect(names((await get(idle, "/volume/for-both")).bytes)).toEqual(["for-both"])
  })

  test("the working directory is there before the first start", async () => {
    const id = await create({ Cmd: ["ls"], WorkingDir: "/home/of/nobody" })
    expect((await put(id, "/home/of/nobody", tarOf(["mine", {}, "x"]))).status).toBe(200)
    expect((await daemon.docker("start", "-a", id)).stdout).toBe("mine\n")
  })

  test("owners, modes, times, hard links, devices, attributes and names that are not UTF-8 are kept", async () => {
    const odd = Buffer.from([0x6f, 0xff, 0x64])
    const archive = tarOf(
      ["d", { type: "directory", mode: 0o2750, uid: 12, gid: 34 }],
      ["d/file", { mode: 0o4711, uid: 7, gid: 8, xattrs: new Map([["trusted.ignored", Buffer.from("x")]]) }, "abc"],
      ["d/hard", { type: "hardlink", linkName: Buffer.from("d/file") } as never],
      ["d/null", { type: "character", major: 1, minor: 3, mode: 0o666 }],
      [Buffer.concat([Buffer.from("d/"), odd]), {}, "odd"],
    )
    await sh(running, "mkdir /keep")
    expect((await put(running, "/keep", archive)).status).toBe(200)
    expect(await sh(running, "cd /keep/d; stat -c '%a %u %g %h %Y' . file; stat -c '%F %t %T' null; cat o*d")).toBe(
      "2750 12 34 2 1600000000\n4711 7 8 2 1600000000\ncharacter special file 1 3\nodd",
    )
    const back = unpack((await get(running, "/keep/d")).bytes)
    expect(back.map(({ entry }) => entry.name.toString("latin1"))).toContain(`d/${odd.toString("latin1")}`)
    expect(back.find(({ entry }) => entry.name.toString() === "d/hard")?.entry.type).toBe("hardlink")
  })

  test("copyUIDGID gives everything to the container's user", async () => {
    const id = await create({ Cmd: ["sleep", "1000"], User: "65534:12" })
    expect((await put(id, "/tmp", tarOf(["mine", { uid: 5, gid: 6 }, "x"]), "&copyUIDGID=1")).status).toBe(200)
    const [found] = unpack((await get(id, "/tmp/mine")).bytes)
    expect([found!.entry.uid, found!.entry.gid]).toEqual([65534, 12])
  })

  test("noOverwriteDirNonDir refuses to change a directory into a file and the other way round", async () => {
    await sh(running, "mkdir -p /o/dir/full; touch /o/file")
    const directory: Member = ["file", { type: "directory" }]
    const refused = await put(running, "/o", tarOf(["dir", {}, "x"]), "&noOverwriteDirNonDir=true")
    expect([refused.status, JSON.parse(refused.text).message]).toEqual([
      400,
      'cannot overwrite directory "/o/dir" with non-directory "/o/dir"',
    ])
    expect((await put(running, "/o", tarOf(directory), "&noOverwriteDirNonDir=true")).status).toBe(400)
    expect((await put(running, "/o", tarOf(["dir", {}, "x"], directory))).status).toBe(200)
    expect(await sh(running, "cd /o; test -f dir && test -d file && echo changed")).toBe("changed\n")
  })

  test("only existing directories take archives, and not where the container may not write", async () => {
    const message = async (answer: Promise<Answer>) => [(await answer).status, JSON.parse((await answer).text).message]
    expect(await message(put(running, "/etc/passwd", tarOf()))).toEqual([400, "extraction point is not a directory"])
    const id = await create({ Cmd: ["true"] }, { ReadonlyRootfs: true, Binds: ["a-volume:/a", "b-volume:/b:ro"] })
    expect(await message(put(id, "/etc", tarOf()))).toEqual([403, "container rootfs is marked read-only"])
    expect(await message(put(id, "/b", tarOf()))).toEqual([403, "mounted volume is marked read-only"])
    expect((await put(id, "/a", tarOf(["x"]))).status).toBe(200)
  })

  test("broken archives are the client's fault, and the connection stays in use", async () => {
    expect((await put(running, "/tmp", Buffer.alloc(5000, 1))).status).toBe(400)
    expect((await put(running, "/tmp", gzipSync(tarOf(["x", {}, "y"])).subarray(0, 40))).status).toBe(400)
    expect((await put(running, "/tmp", tarOf(["../../escape", {}, "x"]))).status).toBe(400)
  })

  test("events tell of reading and writing", async () => {
    const since = Date.now() / 1000
    await get(running, "/etc/passwd")
    await put(running, "/tmp", tarOf())
    const filters = encodeURIComponent(JSON.stringify({ container: [running] }))
    const { text } = await daemon.get(`/events?since=${since - 1}&until=${Date.now() / 1000 + 0.1}&filters=${filters}`)
    const actions = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line).Action)
    expect(actions.slice(-2)).toEqual(["archive-path", "extract-to-dir"])
  })
})

describe("links", () => {
  test("no link of the container leads out of it, neither to read nor to write, whether it runs or not", async () => {
    const outside = `${daemon.root}/outside`
    mkdirSync(outside)
    writeFileSync(`${outside}/secret`, "secret")
    const idle = await create({ Cmd: ["true"] }, { Binds: ["links:/volume"] })
    const links = tarOf(["direct", { link: outside }], ["up", { link: `../../../../../../../..${outside}` }])
    for (const id of [idle, running]) {
      for (const place of ["/", "/volume"]) {
        expect((await put(id, place, links)).status).toBe(200)
        for (const link of ["direct", "up"]) {
          expect((await get(id, `${place}/${link}/secret`)).status).toBe(404)
          expect((await put(id, `${place}/${link}`, tarOf(["written", {}, "x"]))).status).toBe(404)
          const through = tarOf(["through", { link: outside }], ["through/written", {}, "x"])
          expect((await put(id, place, through)).status).not.toBe(500)
        }
      }
    }
    expect(existsSync(`${outside}/written`)).toBe(false)
    expect(readFileSync(`${outside}/secret`, "utf8")).toBe("secret")
  })

  test("a link on the host inside a bind mount leads nowhere else either", async () => {
    const folder = `${daemon.root}/bound`
    mkdirSync(folder)
    symlinkSync(`${daemon.root}`, `${folder}/host`)
    const id = await create({ Cmd: ["true"] }, { Binds: [`${folder}:/bound`] })
    expect((await get(id, "/bound/host/daemon.json")).status).toBe(404)
    expect((await put(id, "/bound", tarOf(["x"]))).status).toBe(200)
    expect(statSync(`${folder}/x`).isFile()).toBe(true)
  })

  test("an entry below a link lands where the container would find it", async () => {
    await sh(running, "mkdir -p /real /way; ln -s /real /way/link")
    const archive = Buffer.concat([encodeHeader(header("link/file")), endOfArchive])
    expect((await put(running, "/way", archive)).status).toBe(200)
    expect(await sh(running, "ls /real")).toBe("file\n")
  })
})

const header = (name: string): TarEntry => ({
  name: Buffer.from(name),
  type: "file",
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 0,
  mtime: 0n,
})
