import { afterAll, beforeAll, expect, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { connect } from "node:tls"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { type Digest, digestOf } from "../../src/oci/digest.ts"
import { basic, imageManifest, passwordFile, TestRegistry } from "../../src/registry/registry.fixture.ts"
import { Containerd } from "../fixtures/containerd.ts"
import { attach, bundleLayer, payload, signatureLayer, signingKey } from "../fixtures/cosign.ts"
import { runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { freePort } from "../fixtures/free-port.ts"
import { RegistryProcess } from "../fixtures/registry-process.ts"

let scratch: string
let tls: string[]
/** The image as one file. */
let archive: string
let containerd: Containerd
let daemon: TestDaemon
const image = () => `oci:${scratch}/image:v1`

/** Makes a certificate that signs itself, over the last one. @returns the flags that name it */
async function certificate(name: string): Promise<string[]> {
  const [key, cert] = [join(scratch, "key.pem"), join(scratch, "cert.pem")]
  const request = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=${name}`
  const names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
  const made = await runProgram("openssl", [...request.split(" "), ...names, "-keyout", key, "-out", cert])
  expect(made.code).toBe(0)
  return ["--tls-cert", cert, "--tls-key", key]
}

/** An OCI image layout with one image of two layers. */
function makeImage(folder: string): void {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true })
  const put = (bytes: Uint8Array | string) => {
    const hex = createHash("sha256").update(bytes).digest("hex")
    writeFileSync(join(folder, "blobs/sha256", hex), bytes)
    return { digest: `sha256:${hex}` as const, size: Buffer.byteLength(bytes) }
  }
  // Empty tar archives are layers; a part that does not compress makes the second a large one.
  const layers = [Buffer.alloc(10240), Buffer.concat([tarOf("random", randomBytes(6 << 20)), Buffer.alloc(1024)])].map(
    put,
  )
  const config = put(
    JSON.stringify({
      architecture: "amd64",
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: layers.map((layer) => layer.digest) },
    }),
  )
  const manifest = put(imageManifest(config as never, layers as never))
  const name = { "org.opencontainers.image.ref.name": "v1" }
  const manifests = [{ mediaType: mediaTypes.ociManifest, ...manifest, annotations: name }]
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests }))
}

/** One file as a tar member. */
function tarOf(name: string, bytes: Buffer): Buffer {
  const head = Buffer.alloc(512)
  head.write(name, 0)
  head.write("0000644\0", 100)
  head.write(`${bytes.length.toString(8).padStart(11, "0")}\0`, 124)
  head.write("        0", 148)
  head.write("ustar\x0000", 257)
  head.write(
    `${head
      .reduce((sum, byte) => sum + byte, 0)
      .toString(8)
      .padStart(6, "0")}\0 `,
    148,
  )
  return Buffer.concat([head, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)])
}

beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "registry-clients-"))
  makeImage(join(scratch, "image"))
  await passwordFile(join(scratch, "users"), { alice: "wonder", bob: "builder" })
  tls = await certificate("localhost")
  archive = join(scratch, "image.tar")
  expect((await runProgram("tar", ["-cf", archive, "-C", join(scratch, "image"), "."])).code).toBe(0)
  containerd = await Containerd.start()
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon[Symbol.asyncDispose]()
  await containerd[Symbol.asyncDispose]()
  rmSync(scratch, { recursive: true, force: true })
})

async function skopeo(...args: readonly string[]): Promise<string> {
  const outcome = await runProgram("skopeo", args, { env: { REGISTRY_AUTH_FILE: join(scratch, "auth.json") } })
  if (outcome.code !== 0) throw new Error(outcome.stderr)
  return outcome.stdout
}

/** How a registry is reached: in the clear and by anybody, or with TLS and a user. */
const ways = [
  ["in plain HTTP", () => []],
  ["with TLS and passwords", () => [...tls, "--htpasswd", join(scratch, "users")]],
  ["with TLS and tokens", () => [...tls, "--htpasswd", join(scratch, "users"), "--token"]],
] as const

for (const [how, flags] of ways) {
  test(`skopeo pushes, inspects, copies, lists, pulls and deletes ${how}`, async () => {
    const root = mkdtempSync(join(scratch, "root-"))
    await using registry = await RegistryProcess.start(root, flags())
    const secret = flags().length > 0
    // The certificate signs itself: it is its own authority.
    mkdirSync(join(scratch, "certs"), { recursive: true })
    if (secret) writeFileSync(join(scratch, "certs/ca.crt"), readFileSync(join(scratch, "cert.pem")))
    const side = (name: string) => [
      ...(secret ? [`--${name}cert-dir`, join(scratch, "certs")] : [`--${name}tls-verify=false`]),
      ...(secret ? [`--${name}creds`, "alice:wonder"] : []),
    ]
    const at = `docker://${registry.address}`
    await skopeo("copy", ...side("dest-"), image(), `${at}/team/app:v1`)
    const seen = JSON.parse(await skopeo("inspect", ...side(""), `${at}/team/app:v1`)) as { Layers: string[] }
    expect(seen.Layers).toHaveLength(2)
    await skopeo("copy", ...side("src-"), ...side("dest-"), `${at}/team/app:v1`, `${at}/other/app:v2`)
    const tags = JSON.parse(await skopeo("list-tags", ...side(""), `${at}/other/app`)) as { Tags: string[] }
    expect(tags.Tags).toEqual(["v2"])
    await skopeo("copy", ...side("src-"), `${at}/other/app:v2`, `oci:${scratch}/back-${secret}:v1`)
    await skopeo("delete", ...side(""), `${at}/team/app:v1`)
    await expect(skopeo("inspect", ...side(""), `${at}/team/app:v1`)).rejects.toThrow(
      /manifest unknown|has no manifest/,
    )
    if (secret) {
      const wrong = skopeo("inspect", "--cert-dir", join(scratch, "certs"), "--creds", "alice:no", `${at}/other/app:v2`)
      await expect(wrong).rejects.toThrow(/unauthorized|invalid username/)
    }
    await registry.end("SIGTERM")
    const checked = await RegistryProcess.check(root)
    expect([checked.code, checked.stderr]).toEqual([0, ""])
    // What lies on disk is an image layout that needs no server.
    const local = JSON.parse(await skopeo("inspect", `oci:${root}/repositories/other/app/_oci:v2`)) as object
    expect(local).toMatchObject({ Layers: seen.Layers })
  })
}

for (const [how, flags] of ways) {
  test(`ctr pushes, copies and pulls ${how}`, async () => {
    const root = mkdtempSync(join(scratch, "root-"))
    await using registry = await RegistryProcess.start(root, flags())
    const secret = flags().length > 0
    const hosts = mkdtempSync(join(scratch, "hosts-"))
    mkdirSync(join(hosts, registry.address))
    // ctr takes registries of this host for such in the clear unless it is told.
    const url = `https://${registry.address}`
    const trusted = `server = "${url}"\n[host."${url}"]\nca = "${scratch}/cert.pem"\n`
    writeFileSync(join(hosts, registry.address, "hosts.toml"), trusted)
    const as = (user: string) => (secret ? ["--hosts-dir", hosts, "--user", user] : ["--plain-http"])
    const [app, copy] = [`${registry.address}/team/app`, `${registry.address}/other/copy`]
    await containerd.ctr("images", "import", "--base-name", app, archive)
    await containerd.ctr("images", "push", ...as("alice:wonder"), `${app}:v1`)
    // Layers of the other repository are mounted, not sent.
    await containerd.ctr("images", "tag", `${app}:v1`, `${copy}:v2`)
    await containerd.ctr("images", "push", ...as("alice:wonder"), `${copy}:v2`)
    const listed = async () => (await containerd.ctr("images", "list")).split("\n").map((line) => line.split(/\s+/))
    const digestOf = async (name: string) => (await listed()).find((row) => row[0] === name)?.[2]
    const pushed = await digestOf(`${app}:v1`)
    await containerd.ctr("images", "rm", "--sync", `${app}:v1`, `${copy}:v2`)
    await containerd.ctr("images", "pull", ...as("alice:wonder"), `${copy}:v2`)
    expect(await digestOf(`${copy}:v2`)).toBe(pushed!)
    await containerd.ctr("images", "pull", ...as("alice:wonder"), `${app}@${pushed}`)
    if (secret) {
      await expect(containerd.ctr("images", "push", ...as("alice:no"), `${copy}:v3`, `${copy}:v2`)).rejects.toThrow(
        /401 Unauthorized|invalid username|authorization failed/,
      )
    }
    await containerd.ctr("images", "rm", "--sync", `${copy}:v2`, `${app}@${pushed}`)
    await registry.end("SIGTERM")
    const checked = await RegistryProcess.check(root)
    expect([checked.code, checked.stderr]).toEqual([0, ""])
  })

  test(`the docker CLI logs in, pushes, pulls and copies ${how}, and what is deleted is gone`, async () => {
    const root = mkdtempSync(join(scratch, "root-"))
    await using registry = await RegistryProcess.start(root, flags())
    const secret = flags().length > 0
    const config = mkdtempSync(join(scratch, "docker-"))
    const docker = async (...args: readonly string[]) => {
      const { code, stdout, stderr } = await daemon.docker("--config", config, ...args)
      if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}`)
      return stdout
    }
    const [app, copy] = [`${registry.address}/team/app:v1`, `${registry.address}/other/copy:v2`]
    for (const name of [app, copy]) await docker("tag", "busybox", name)
    if (secret) {
      await expect(docker("push", app)).rejects.toThrow(
        /no basic auth credentials|requested access to the resource is denied/,
      )
      await expect(docker("login", "-u", "alice", "-p", "no", registry.address)).rejects.toThrow(/unauthorized|401/)
      expect(await docker("login", "-u", "alice", "-p", "wonder", registry.address)).toContain("Login Succeeded")
    }
    const digest = /v1: digest: (sha256:\S+)/.exec(await docker("push", app))![1]!
    expect(await docker("push", copy)).toContain("Mounted from team/app")
    await docker("rmi", app, copy)
    expect(await docker("pull", copy)).toContain(`Digest: ${digest}\n`)
    const insecure = JSON.parse(await docker("manifest", "inspect", "--insecure", copy)) as { layers: object[] }
    expect(insecure.layers).toHaveLength(1)
    const headers = secret ? basic("alice", "wonder") : {}
    if (how !== "with TLS and tokens") {
      const url = `${secret ? "https" : "http"}://${registry.address}/v2/other/copy/manifests/${digest}`
      const gone = await fetch(url, { method: "DELETE", headers, tls: { rejectUnauthorized: false } })
      expect(gone.status).toBe(202)
      await expect(docker("pull", copy)).rejects.toThrow(`manifest for ${copy} not found: manifest unknown`)
    }
    await docker("pull", app)
    if (secret) expect(await docker("logout", registry.address)).toContain("Removing login credentials")
    await docker("rmi", app, copy)
    await registry.end("SIGTERM")
    const checked = await RegistryProcess.check(root)
    expect([checked.code, checked.stderr]).toEqual([0, ""])
  })
}

test("what refers to an image is listed, and goes along to another registry", async () => {
  await using registry = await RegistryProcess.start(mkdtempSync(join(scratch, "root-")))
  await using other = await RegistryProcess.start(mkdtempSync(join(scratch, "root-")))
  const [app, copy] = [`${registry.address}/team/app:v1`, `${other.address}/app:v1`]
  const barge = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await daemon.barge(...args)
    if (code !== 0) throw new Error(`barge ${args.join(" ")}: ${stderr}`)
    return stdout
  }
  await skopeo("copy", "--dest-tls-verify=false", image(), `docker://${app}`)
  expect(await barge("image", "referrers", "-q", app)).toBe("")
  const at = `http://${registry.address}/v2/team/app`
  const text = await (await fetch(`${at}/manifests/v1`, { headers: { Accept: mediaTypes.ociManifest } })).text()
  const { config, layers } = JSON.parse(text) as { config: never; layers: never[] }
  const subject = { mediaType: mediaTypes.ociManifest, digest: digestOf(text), size: text.length }
  const about = imageManifest(config, layers, { subject, artifactType: "application/spdx+json" })
  const signature = `${digestOf(text).replace(":", "-")}.sig`
  for (const [reference, body] of [
    [digestOf(about), about],
    [signature, imageManifest(config, layers)],
  ] as const) {
    const headers = { "Content-Type": mediaTypes.ociManifest }
    expect((await fetch(`${at}/manifests/${reference}`, { method: "PUT", headers, body })).status).toBe(201)
  }
  const shown = await barge("image", "referrers", app)
  expect(shown.split("\n")[0]).toMatch(/^ARTIFACT TYPE +DIGEST +SUBJECT +TAG +SIZE$/)
  expect(shown).toMatch(new RegExp(`^application/spdx\\+json +${digestOf(about).slice(7, 19)} `, "m"))
  expect(shown).toContain(` ${signature} `)
  await barge("image", "copy", "--referrers", app, copy)
  const listed = (name: string) => barge("image", "referrers", "--format", "{{.Digest}} {{.Tag}}", "--no-trunc", name)
  expect(await listed(copy)).toBe(await listed(app))
})

test("a daemon that wants signatures pulls what is signed, in either form, and nothing else", async () => {
  await using registry = await TestRegistry.start()
  const key = signingKey()
  const digests: Digest[] = []
  for (const name of ["simple", "bundle", "bare"]) {
    await skopeo("copy", "--dest-tls-verify=false", image(), `docker://${registry.address}/${name}:v1`)
    const { headers } = await registry.ask("HEAD", `/v2/${name}/manifests/v1`)
    digests.push(headers.get("docker-content-digest") as Digest)
  }
  const [simple, bundle] = digests as [Digest, Digest]
  const text = payload(`${registry.address}/simple`, simple)
  await attach(registry, "simple", simple, [await signatureLayer(registry, "simple", text, key)])
  await attach(registry, "bundle", bundle, [await bundleLayer(registry, "bundle", bundle, key)], "referrer")
  const required = (type: string) => [
    { type: "sigstoreSigned", keyData: Buffer.from(key.public).toString("base64"), signedIdentity: { type } },
  ]
  const scopes = {
    [registry.address]: required("matchRepository"),
    [`${registry.address}/bundle`]: required("matchDigest"),
  }
  const policy = join(daemon.root, "policy.json")
  writeFileSync(policy, JSON.stringify({ default: [{ type: "reject" }], transports: { docker: scopes } }))
  const pull = (name: string) => daemon.docker("pull", `${registry.address}/${name}:v1`)
  try {
    writeFileSync(join(daemon.root, "daemon.json"), JSON.stringify({ "signature-policy": policy }))
    process.kill(daemon.pid, "SIGHUP")
    while ((await pull("bare")).code === 0) await pause(5)
    expect((await pull("bare")).stderr).toContain("it has no signature, and one by keyData (sha256:")
    for (const name of ["simple", "bundle"]) expect((await pull(name)).stderr).toBe("")
  } finally {
    writeFileSync(join(daemon.root, "daemon.json"), "{}")
    process.kill(daemon.pid, "SIGHUP")
  }
  while ((await pull("bare")).code !== 0) await pause(5)
})

test("a renewed certificate counts after SIGHUP, while it serves", async () => {
  await using registry = await RegistryProcess.start(mkdtempSync(join(scratch, "root-")), tls)
  const [host, port] = registry.address.split(":")
  const shown = () =>
    new Promise<string>((done, failed) => {
      const socket = connect({ host, port: Number(port), rejectUnauthorized: false }, () => {
        done(socket.getPeerCertificate().subject.CN as string)
        socket.destroy()
      })
      socket.on("error", failed)
    })
  expect(await shown()).toBe("localhost")
  await certificate("renewed")
  registry.signal("SIGHUP")
  while ((await shown()) !== "renewed") await pause(5)
})

test("what is pulled through from Debian's docker-registry stays when that has gone", async () => {
  const port = await freePort()
  const config = join(scratch, "upstream.yml")
  writeFileSync(
    config,
    `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${scratch}/upstream}}\nhttp: {addr: "127.0.0.1:${port}"}\n`,
  )
  const upstream = spawn("docker-registry", ["serve", config], { stdio: "ignore" })
  try {
    await answers(port, upstream)
    await skopeo("copy", "--dest-tls-verify=false", image(), `docker://127.0.0.1:${port}/team/app:v1`)
    const flags = ["--proxy", `hub=http://127.0.0.1:${port}`]
    await using cache = await RegistryProcess.start(join(scratch, "cache"), flags)
    const pull = (to: string) =>
      skopeo("copy", "--src-tls-verify=false", `docker://${cache.address}/hub/team/app:v1`, `oci:${scratch}/${to}:v1`)
    await pull("first")
    upstream.kill()
    await new Promise((done) => upstream.once("exit", done))
    await pull("second")
  } finally {
    upstream.kill()
  }
})

async function answers(port: number, process: ChildProcess): Promise<void> {
  for (;;) {
    if (process.exitCode !== null) throw new Error(`docker-registry ended with ${process.exitCode}`)
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined)
    if (answer?.ok) return
    await pause(10)
  }
}
