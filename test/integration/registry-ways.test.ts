import { expect, test } from "bun:test"
import { execFileSync } from "node:child_process"
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { type AddressInfo, connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { Credentials } from "../../src/distribution/credentials.ts"
import { Failure, messageOf } from "../../src/errors/failure.ts"
import { digestOf } from "../../src/oci/digest.ts"
import { parseReference } from "../../src/oci/reference.ts"
import { openStores, type StoreOptions } from "../core-stores.ts"
import { MemoryRegistry, refuse } from "../fixtures/memory-registry.ts"
import { tarOf } from "../tar-archive.ts"

const layer = tarOf(["file", {}, "content"])

/** Pulls with stores of its own. @returns the image's ID */
async function pull(ref: string, options: StoreOptions, credentials?: Credentials): Promise<string> {
  await using stores = await openStores(undefined, options)
  return await stores.leases.within(stores.scope, async (scope) => {
    const { image } = await stores.remote.pull(scope, parseReference(ref), {
      ...(credentials ? { credentials } : {}),
      found: () => {},
      progress: () => {},
    })
    return image.id
  })
}

const told = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing failed",
    (error: unknown) => (error instanceof Failure ? messageOf(error) : Promise.reject(error)),
  )

async function withFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ways-"))
  try {
    await use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** Writes `hosts.toml` of `domain`. */
function configure(folder: string, domain: string, text: string): StoreOptions {
  mkdirSync(join(folder, domain), { recursive: true })
  writeFileSync(join(folder, domain, "hosts.toml"), text)
  return { registries: { directories: [folder] } }
}

/** A certificate that signs itself, for 127.0.0.1. */
function certificate(folder: string, name: string): { readonly key: Buffer; readonly cert: Buffer } {
  const file = (kind: string) => join(folder, `${name}.${kind}`)
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"]
  const files = ["-keyout", file("key"), "-out", file("crt")]
  execFileSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", ...files, ...subject], {
    stdio: "ignore",
  })
  return { key: readFileSync(file("key")), cert: readFileSync(file("crt")) }
}

test("a registry's certificate must be trusted, and its client's too when it wants one", () =>
  withFolder(async (folder) => {
    const server = certificate(folder, "server")
    const client = certificate(folder, "client")
    await using registry = await MemoryRegistry.start({
      ...server,
      ca: client.cert,
      requestCert: true,
      rejectUnauthorized: true,
    })
    registry.addImage("app", "1", [layer])
    const url = `https://${registry.host}`
    expect(await told(pull("secure.test/app:1", configure(folder, "secure.test", `server = "${url}"`)))).toBe(
      `Get "${url}/v2/": tls: failed to verify certificate: x509: certificate signed by unknown authority`,
    )
    const trusted = `server = "${url}"\nca = "${folder}/server.crt"\n`
    expect(await told(pull("secure.test/app:1", configure(folder, "secure.test", trusted)))).not.toBe("nothing failed")
    const known = `${trusted}client = [["${folder}/client.crt", "${folder}/client.key"]]\n`
    await pull("secure.test/app:1", configure(folder, "secure.test", known))
    const unchecked = `server = "${url}"\nskip_verify = true\nclient = [["${folder}/client.crt", "${folder}/client.key"]]\n`
    await pull("secure.test/app:1", configure(folder, "secure.test", unchecked))
  }))

test("an insecure registry may have any certificate, or none", () =>
  withFolder(async (folder) => {
    await using secure = await MemoryRegistry.start(certificate(folder, "server"))
    await using plain = await MemoryRegistry.start()
    for (const registry of [secure, plain]) {
      registry.addImage("app", "1", [layer])
      await pull(`${registry.host}/app:1`, {})
    }
  }))

test("a mirror is asked first and without the user's credentials; what it cannot give, the registry gives", () =>
  withFolder(async (folder) => {
    await using mirror = await MemoryRegistry.start()
    await using registry = await MemoryRegistry.start()
    const credentials = { username: "user", password: "secret" }
    registry.fault = ({ headers }, response) => {
      if (headers.authorization === `Basic ${Buffer.from("user:secret").toString("base64")}`) return false
      response.writeHead(401, { "www-authenticate": 'Basic realm="r"' }).end()
      return true
    }
    const options = configure(
      folder,
      "mirrored.test",
      `server = "http://${registry.host}"\n[host."http://${mirror.host}"]\ncapabilities = ["pull", "resolve"]\n`,
    )
    const id = registry.addImage("app", "1", [layer]).digest
    const first = await pull("mirrored.test/app:1", options, credentials)
    expect(mirror.log[0]!.path).toBe("/v2/app/manifests/1?ns=mirrored.test")
    mirror.addImage("app", "1", [layer])
    const before = registry.log.length
    expect(await pull("mirrored.test/app:1", options, credentials)).toBe(first)
    expect(registry.log.length).toBe(before)
    // It has the manifest, but not the layer.
    mirror.fault = ({ path, method }, response) => {
      if (method !== "GET" || !path.includes("/blobs/")) return false
      refuse(response, 404, "BLOB_UNKNOWN")
      return true
    }
    expect(await pull("mirrored.test/app:1", options, credentials)).toBe(first)
    expect(mirror.log.every(({ headers }) => headers.authorization === undefined)).toBe(true)
    expect(id).toStartWith("sha256:")
  }))

test("lists that come in pages are read to their end, and one without end is not", async () => {
  await using registry = await MemoryRegistry.start()
  await using stores = await openStores()
  const reference = parseReference(`${registry.host}/app`)
  const repository = await stores.registries.repository(reference)
  const pages = (last: number) => {
    registry.fault = ({ path }, response) => {
      const page = Number(/[?&]page=(\d+)/.exec(path)?.[1] ?? 0)
      const digest = digestOf(`referrer ${page}`)
      if (page < last) response.setHeader("link", `<${path.split("?")[0]}?page=${page + 1}>; rel="next"`)
      response.end(JSON.stringify({ tags: [`t${page}`], manifests: [{ mediaType: "x", digest, size: 1 }] }))
      return true
    }
  }
  pages(2)
  expect(await repository.tags()).toEqual(["t0", "t1", "t2"])
  expect(await repository.referrers(digestOf("subject"))).toHaveLength(3)
  pages(Number.POSITIVE_INFINITY)
  expect(await told(repository.tags())).toBe(`the list /app/tags/list of ${registry.host} has no end`)
})

test("dockerd's mirrors are for Docker Hub", async () => {
  await using mirror = await MemoryRegistry.start()
  mirror.addImage("library/box", "latest", [layer])
  await pull("box:latest", { registries: { mirrors: [`http://${mirror.host}/`] } })
  expect(mirror.log[0]!.path).toBe("/v2/library/box/manifests/latest")
})

test("a token is asked for once, for what is done, as the user or with a refresh token", async () => {
  await using registry = await MemoryRegistry.start()
  registry.addImage("app", "1", [layer])
  const asked: {
    readonly method: string
    readonly path: string
    readonly authorization?: string
    readonly form: string
  }[] = []
  registry.fault = async ({ path, method, headers }, response, body) => {
    if (path.startsWith("/token")) {
      const { authorization } = headers
      asked.push({ method, path, form: (await body()).toString("utf8"), ...(authorization ? { authorization } : {}) })
      response.end(JSON.stringify({ access_token: "good", expires_in: 300 }))
      return true
    }
    if (headers.authorization === "Bearer good") return false
    const challenge = `Bearer realm="http://${registry.host}/token",service="here",scope="repository:app:pull"`
    response.writeHead(401, { "www-authenticate": challenge }).end()
    return true
  }
  await pull(`${registry.host}/app:1`, {})
  await pull(`${registry.host}/app:1`, {}, { username: "user", password: "secret" })
  await pull(`${registry.host}/app:1`, {}, { identityToken: "refresh" })
  expect(asked).toHaveLength(3)
  expect(asked[0]).toMatchObject({ method: "GET", path: "/token?service=here&scope=repository%3Aapp%3Apull" })
  expect(asked[0]!.authorization).toBeUndefined()
  expect(asked[1]!.path).toContain("account=user")
  expect(asked[1]!.authorization).toBe(`Basic ${Buffer.from("user:secret").toString("base64")}`)
  expect(asked[2]).toMatchObject({ method: "POST", path: "/token" })
  expect(asked[2]!.form).toContain("grant_type=refresh_token")
  expect(asked[2]!.form).toContain("refresh_token=refresh")
})

test("a proxy forwards plain requests and opens ways for TLS", () =>
  withFolder(async (folder) => {
    await using plain = await MemoryRegistry.start()
    await using secure = await MemoryRegistry.start(certificate(folder, "server"))
    for (const registry of [plain, secure]) registry.addImage("app", "1", [layer])
    const seen: string[] = []
    const proxy = createServer((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"]}`)
      const path = request.url!.replace(/^http:\/\/[^/]+/, "")
      void fetch(`http://${plain.host}${path}`, { method: request.method!, headers: { accept: "*/*" } }).then(
        async (answer) => {
          response.writeHead(answer.status, Object.fromEntries(answer.headers))
          response.end(Buffer.from(await answer.arrayBuffer()))
        },
      )
    })
    proxy.on("connect", (request, client) => {
      seen.push(`${request.method} ${request.url}`)
      const target = connect(Number(secure.host.split(":")[1]), "127.0.0.1", () => {
        client.write("HTTP/1.1 200 OK\r\n\r\n")
        client.pipe(target)
        target.pipe(client)
      })
      for (const socket of [client, target]) socket.on("error", () => target.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
    try {
      const address = `http://user:pass@127.0.0.1:${(proxy.address() as AddressInfo).port}`
      const proxies = { http: address, https: address }
      const to = (domain: string, text: string): StoreOptions => ({ ...configure(folder, domain, text), proxies })
      await pull("plain.test/app:1", to("plain.test", 'server = "http://registry.invalid:80"'))
      expect(seen[0]).toBe(
        `HEAD http://registry.invalid/v2/app/manifests/1 Basic ${Buffer.from("user:pass").toString("base64")}`,
      )
      seen.length = 0
      await pull("secure.test/app:1", to("secure.test", 'server = "https://registry.invalid"\nskip_verify = true'))
      expect(new Set(seen)).toEqual(new Set(["CONNECT registry.invalid:443"]))
    } finally {
      proxy.closeAllConnections()
      await new Promise((resolve) => proxy.close(resolve))
    }
  }))
