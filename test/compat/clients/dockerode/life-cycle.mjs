// The life of containers, images, volumes and networks as a Node program sees it through dockerode.
// Run by dockerode.test.ts with DOCKER_HOST set, and CLIENT_HOME naming the folder that has dockerode installed.
import assert from "node:assert/strict"
import { createRequire } from "node:module"
import { PassThrough } from "node:stream"
import { buffer, text } from "node:stream/consumers"

const require = createRequire(`${process.env.CLIENT_HOME}/`)
const Docker = require("dockerode")
const tar = require("tar-stream")
const docker = new Docker({ socketPath: process.env.DOCKER_HOST.replace("unix://", "") })

const step = async (name, work) => {
  await work()
  console.log(`ok ${name}`)
}
const progress = (stream) =>
  new Promise((resolve, reject) =>
    docker.modem.followProgress(stream, (error, all) => (error ? reject(error) : resolve(all))),
  )
const status = (promise) =>
  promise.then(
    () => assert.fail("it succeeded"),
    (error) => error.statusCode,
  )
/** Both streams of an attached or exec connection, until it ends. */
async function demultiplexed(stream) {
  const [out, err] = [new PassThrough(), new PassThrough()]
  docker.modem.demuxStream(stream, out, err)
  const texts = [text(out), text(err)]
  stream.on("end", () => {
    out.end()
    err.end()
  })
  return Promise.all(texts)
}

await step("system", async () => {
  assert.equal((await docker.ping()).toString(), "OK")
  const [version, info] = [await docker.version(), await docker.info()]
  assert.equal(version.Os, "linux")
  assert.equal(typeof info.Containers, "number")
  assert.ok((await docker.df()).LayersSize > 0)
})

await step("events are seen while they happen", async () => {
  const events = await docker.getEvents({ filters: { type: ["container"], label: ["suite=dockerode"] } })
  const seen = []
  const done = new Promise((resolve) => {
    let rest = ""
    events.on("data", (chunk) => {
      rest += chunk
      const lines = rest.split("\n")
      rest = lines.pop()
      for (const line of lines.filter(Boolean)) seen.push(JSON.parse(line).Action)
      if (seen.includes("destroy")) resolve()
    })
  })
  const [result] = await docker.run("busybox", ["sh", "-c", "exit 3"], new PassThrough().resume(), {
    Labels: { suite: "dockerode" },
    HostConfig: { AutoRemove: true },
  })
  assert.equal(result.StatusCode, 3)
  await done
  events.destroy()
  assert.deepEqual(
    seen.filter((action) => action !== "resize"),
    ["create", "attach", "start", "die", "destroy"],
  )
})

await step("run collects output", async () => {
  const out = new PassThrough()
  const collected = text(out)
  const [result, container] = await docker.run("busybox", ["sh", "-c", "echo out; echo err >&2; exit 4"], out)
  out.end()
  assert.equal(result.StatusCode, 4)
  assert.deepEqual((await collected).trim().split(/\r?\n/).sort(), ["err", "out"])
  await container.remove()
})

await step("attach with input, half-closed, and separate streams", async () => {
  const container = await docker.createContainer({
    Image: "busybox",
    Cmd: ["sh", "-c", "cat; echo done >&2"],
    OpenStdin: true,
    StdinOnce: true,
    AttachStdin: true,
    Tty: false,
  })
  const stream = await container.attach({ stream: true, stdin: true, stdout: true, stderr: true, hijack: true })
  const streams = demultiplexed(stream)
  await container.start()
  stream.end("a line\nanother\n")
  assert.deepEqual(await streams, ["a line\nanother\n", "done\n"])
  assert.equal((await container.wait()).StatusCode, 0)
  await container.remove()
})

await step(
  "a long-running container: inspect, list, top, stats, pause, update, rename, restart, logs, exec",
  async () => {
    const container = await docker.createContainer({
      name: "rode",
      Image: "busybox",
      Cmd: ["sh", "-c", "trap 'exit 0' TERM; echo started; while :; do sleep 0.1; done"],
      Labels: { suite: "dockerode" },
      Env: ["ONE=1"],
      ExposedPorts: { "80/tcp": {} },
      HostConfig: { Memory: 64 << 20, RestartPolicy: { Name: "on-failure", MaximumRetryCount: 2 } },
    })
    assert.equal(await status(docker.createContainer({ name: "rode", Image: "busybox" })), 409)
    await container.start()
    assert.equal(await status(container.start()), 304)
    const state = await container.inspect()
    assert.equal(state.Name, "/rode")
    assert.equal(state.State.Running, true)
    assert.equal(state.HostConfig.Memory, 64 << 20)
    assert.ok(state.NetworkSettings.Networks.bridge.IPAddress)
    const [listed] = await docker.listContainers({ filters: { label: ["suite=dockerode"] } })
    assert.equal(listed.Id, container.id)
    assert.deepEqual(listed.Names, ["/rode"])
    const top = await container.top({ ps_args: "aux" })
    assert.ok(top.Titles.includes("COMMAND"))
    const stats = await container.stats({ stream: false })
    assert.ok(stats.memory_stats.limit === 64 << 20)
    await container.pause()
    assert.equal((await container.inspect()).State.Status, "paused")
    await container.unpause()
    await container.update({ Memory: 96 << 20, MemorySwap: -1 })
    assert.equal((await container.inspect()).HostConfig.Memory, 96 << 20)
    await container.rename({ name: "rode2" })
    const logs = await container.logs({ stdout: true, stderr: true, timestamps: true })
    assert.match(logs.toString(), /T.*Z started/)
    const exec = await container.exec({
      Cmd: ["sh", "-c", "cat; echo $TWO; exit 9"],
      Env: ["TWO=2"],
      AttachStdin: true,
      AttachStdout: true,
      AttachStderr: true,
    })
    const stream = await exec.start({ hijack: true, stdin: true })
    const streams = demultiplexed(stream)
    stream.end("in\n")
    assert.deepEqual(await streams, ["in\n2\n", ""])
    assert.equal((await exec.inspect()).ExitCode, 9)
    const tty = await container.exec({
      Cmd: ["sh", "-c", "[ -t 0 ] && [ -t 1 ] && echo terminal"],
      Tty: true,
      AttachStdout: true,
    })
    const terminal = await tty.start({ Tty: true })
    assert.match(await text(terminal), /^terminal\r\n$/)
    await container.restart({ t: 1 })
    assert.equal((await container.inspect()).State.Running, true)
    // Its trap is set when it has spoken again.
    while ((await container.logs({ stdout: true })).toString().split("started").length < 3);
    await container.stop({ t: 5 })
    assert.equal((await container.inspect()).State.ExitCode, 0)
    assert.equal(await status(container.stop()), 304)
    assert.equal(await status(container.kill()), 409)
    await container.remove({ v: true })
    assert.equal(await status(container.inspect()), 404)
  },
)

await step("files in and out, changes, export, commit", async () => {
  const container = await docker.createContainer({ Image: "busybox", Cmd: ["cat", "/tmp/in.txt"] })
  const pack = tar.pack()
  pack.entry({ name: "in.txt", mode: 0o640 }, "from outside")
  pack.finalize()
  await container.putArchive(pack, { path: "/tmp" })
  await container.start()
  await container.wait()
  assert.equal((await container.logs({ stdout: true })).subarray(8).toString(), "from outside")
  const info = await container.infoArchive({ path: "/tmp/in.txt" })
  info.resume()
  const stat = JSON.parse(Buffer.from(info.headers["x-docker-container-path-stat"], "base64").toString())
  assert.equal(stat.size, 12)
  const extract = tar.extract()
  const entries = {}
  extract.on("entry", async (header, content, next) => {
    entries[header.name] = await text(content)
    next()
  })
  const finished = new Promise((resolve) => extract.on("finish", resolve))
  ;(await container.getArchive({ path: "/tmp/in.txt" })).pipe(extract)
  await finished
  assert.deepEqual(entries, { "in.txt": "from outside" })
  assert.ok((await container.changes()).some(({ Path, Kind }) => Path === "/tmp/in.txt" && Kind === 1))
  assert.ok((await buffer(await container.export())).includes("from outside"))
  const { Id } = await container.commit({ repo: "made", tag: "1", changes: 'CMD ["cat", "/tmp/in.txt"]' })
  assert.equal((await docker.getImage("made:1").inspect()).Id, Id)
  await container.remove()
})

await step("images: list, tag, history, save, load, remove, import", async () => {
  const image = docker.getImage("made:1")
  await image.tag({ repo: "made", tag: "2" })
  assert.ok((await image.history()).length >= 2)
  assert.ok(
    (await docker.listImages({ filters: { reference: ["made"] } })).some(({ RepoTags }) => RepoTags.length === 2),
  )
  const saved = await buffer(await image.get())
  await docker.getImage("made:2").remove()
  await image.remove()
  assert.equal(await status(image.inspect()), 404)
  const source = new PassThrough()
  source.end(saved)
  const said = await progress(await docker.loadImage(source))
  assert.ok(said.some(({ stream }) => stream?.includes("Loaded image: made:1")))
  await image.remove({ force: true })
})

await step("volumes and networks", async () => {
  const volume = await docker.createVolume({ Name: "rode-data", Labels: { suite: "dockerode" } })
  const write = await docker.run("busybox", ["sh", "-c", "echo kept >/data/file"], new PassThrough().resume(), {
    HostConfig: { AutoRemove: true, Binds: ["rode-data:/data"] },
  })
  assert.equal(write[0].StatusCode, 0)
  assert.equal((await docker.listVolumes({ filters: { label: ["suite=dockerode"] } })).Volumes.length, 1)
  const out = new PassThrough()
  const read = text(out)
  await docker.run("busybox", ["cat", "/data/file"], out, {
    HostConfig: {
      AutoRemove: true,
      Mounts: [{ Type: "volume", Source: "rode-data", Target: "/data", ReadOnly: true }],
    },
  })
  out.end()
  assert.match(await read, /^kept/)
  await docker.getVolume(volume.name ?? "rode-data").remove()
  assert.equal(await status(docker.getVolume("rode-data").inspect()), 404)
  assert.ok((await docker.listNetworks()).some(({ Name }) => Name === "bridge"))
})

await step("errors carry Docker's status and words", async () => {
  await assert.rejects(docker.createContainer({ Image: "does-not-exist" }), /No such image: does-not-exist:latest/)
  await assert.rejects(docker.getContainer("nobody").start(), /No such container: nobody/)
  assert.equal(await status(docker.createContainer({ Image: "busybox", HostConfig: { Memory: 1024 } })), 400)
})
