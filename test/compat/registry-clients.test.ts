import { afterAll, beforeAll, expect, test } from "bun:test"
import { type ChildProcess, spawn } from "node:child_process"
import { createHash, randomBytes } from "node:crypto"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { connect } from "node:tls"
import { mediaTypes } from "../../src/oci/descriptor.ts"
import { imageManifest, passwordFile } from "../../src/registry/registry.fixture.ts"
import { runProgram } from "../fixtures/daemon.ts"
import { RegistryProcess } from "../fixtures/registry-process.ts"

let scratch: string
let tls: string[]
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
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function skopeo(...args: readonly string[]): Promise<string> {
  const outcome = await runProgram("skopeo", args, { env: { REGISTRY_AUTH_FILE: join(scratch, "auth.json") } })
  if (outcome.code !== 0) throw new Error(outcome.stderr)
  return outcome.stdout
}

for (const [how, flags] of [
  ["in plain HTTP", () => []],
  ["with TLS and passwords", () => [...tls, "--htpasswd", join(scratch, "users")]],
  ["with TLS and tokens", () => [...tls, "--htpasswd", join(scratch, "users"), "--token"]],
] as const) {
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

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done))
  const { port } = server.address() as { port: number }
  await new Promise((done) => server.close(done))
  return port
}

async function answers(port: number, process: ChildProcess): Promise<void> {
  for (;;) {
    if (process.exitCode !== null) throw new Error(`docker-registry ended with ${process.exitCode}`)
    const answer = await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined)
    if (answer?.ok) return
    await pause(10)
  }
}
