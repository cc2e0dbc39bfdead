import { expect, test } from "bun:test"
import { generateKeyPairSync, randomBytes } from "node:crypto"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { digestOf } from "../oci/digest.ts"
import { privateKey, publicKeys, signToken, verifyToken } from "./auth/jwt.ts"
import { basic, codeOf, passwordFile, TestRegistry } from "./registry.fixture.ts"

async function withUsers(use: (htpasswd: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "registry-users-"))
  try {
    await use(await passwordFile(join(folder, "htpasswd"), { alice: "wonder", bob: "builder" }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const rights = [
  { users: ["alice"], repositories: ["**"], actions: ["pull", "push", "delete", "catalog"] },
  { users: ["bob"], repositories: ["team/*"], actions: ["pull", "catalog"] },
]
const alice = basic("alice", "wonder")
const bob = basic("bob", "builder")

test("with a password file nothing works without a user, and everything with one", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start({}, ["--htpasswd", htpasswd])
    const door = await registry.ask("GET", "/v2/")
    expect([door.status, await codeOf(door)]).toEqual([401, "UNAUTHORIZED"])
    expect(door.headers.get("www-authenticate")).toBe('Basic realm="Barge registry"')
    expect((await registry.ask("GET", "/v2/", { headers: basic("alice", "wrong") })).status).toBe(401)
    expect((await registry.ask("GET", "/v2/", { headers: basic("nobody", "wonder") })).status).toBe(401)
    expect((await registry.ask("GET", "/v2/", { headers: alice })).status).toBe(200)
    await registry.image("a", "v1", { headers: bob })
    expect((await registry.ask("GET", "/v2/a/manifests/v1")).status).toBe(401)
  }))

test("rights say who may do what with which repository", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start({ rights }, ["--htpasswd", htpasswd, "--anonymous-pull"])
    const { manifest } = await registry.image("team/app", "v1", { headers: alice })
    await registry.image("private", "v1", { headers: alice })
    const denied = await registry.ask("POST", "/v2/team/app/blobs/uploads/", { headers: bob })
    expect([denied.status, await codeOf(denied)]).toEqual([403, "DENIED"])
    expect((await registry.ask("DELETE", `/v2/team/app/manifests/${manifest}`, { headers: bob })).status).toBe(403)
    const anonymous = await tokenOf(registry, "repository:team/app:pull,push", {})
    expect((await registry.ask("GET", "/v2/team/app/manifests/v1", { headers: anonymous })).status).toBe(200)
    expect((await registry.ask("POST", "/v2/team/app/blobs/uploads/", { headers: anonymous })).status).toBe(401)
  }))

const tokenOf = async (registry: TestRegistry, scope: string, headers: Record<string, string>) => {
  const answer = await registry.ask("GET", `/auth/token?service=barge-registry&scope=${scope}`, { headers })
  return { Authorization: `Bearer ${((await answer.json()) as { token: string }).token}` }
}

test("where everybody may pull the door still tells users how to come in: by tokens", () =>
  withUsers(async (htpasswd) => {
    const forms: [object, string[]][] = [
      [{}, ["--htpasswd", htpasswd, "--anonymous-pull"]],
      [
        {
          auth: { type: "htpasswd", htpasswd },
          rights: [
            { users: ["*"], actions: ["pull", "push"] },
            { users: ["anonymous"], actions: ["pull"] },
          ],
        },
        [],
      ],
    ]
    for (const [config, flags] of forms) {
      await using registry = await TestRegistry.start(config as Record<string, unknown>, flags)
      const door = await registry.ask("GET", "/v2/")
      expect(door.status).toBe(401)
      expect(door.headers.get("www-authenticate")).toBe(
        `Bearer realm="${registry.url}/auth/token",service="barge-registry"`,
      )
      await registry.image("a", "v1", { headers: await tokenOf(registry, "repository:a:pull,push", alice) })
      // Whoever knows the password need not ask for a token.
      await registry.image("a", "v2", { headers: alice })
      expect((await registry.ask("GET", "/v2/", { headers: alice })).status).toBe(200)
      expect((await registry.ask("GET", "/v2/", { headers: basic("alice", "wrong") })).status).toBe(401)
    }
  }))

test("the catalog is a right of its own", () =>
  withUsers(async (htpasswd) => {
    const without = [{ users: ["alice", "anonymous"], repositories: ["**"], actions: ["pull", "push"] }]
    await using registry = await TestRegistry.start({ rights: without }, ["--htpasswd", htpasswd])
    await registry.image("a", "v1", { headers: alice })
    expect((await registry.ask("GET", "/v2/_catalog", { headers: alice })).status).toBe(403)
    for (const user of [alice, {}]) {
      const headers = await tokenOf(registry, "registry:catalog:*", user)
      expect((await registry.ask("GET", "/v2/_catalog", { headers })).status).toBe(401)
    }
    registry.configure({ rights: [...without, { users: ["alice"], repositories: ["a"], actions: ["catalog"] }] })
    registry.reload()
    const list = await registry.ask("GET", "/v2/_catalog", { headers: alice })
    expect(await list.json()).toEqual({ repositories: ["a"] })
  }))

test("behind a proxy the token service's address is the one that clients see", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start({}, ["--htpasswd", htpasswd, "--token"])
    const realm = async (headers: Record<string, string>) =>
      /realm="([^"]*)"/.exec((await registry.ask("GET", "/v2/", { headers })).headers.get("www-authenticate")!)![1]
    expect(await realm({})).toBe(`${registry.url}/auth/token`)
    expect(await realm({ "X-Forwarded-Proto": "https" })).toBe(`https://${registry.address}/auth/token`)
    const list = { "X-Forwarded-Proto": "https, http", "X-Forwarded-Host": "hub.example:8443, inner:80" }
    expect(await realm(list)).toBe("https://hub.example:8443/auth/token")
    const odd = { "X-Forwarded-Proto": 'javascript"', "X-Forwarded-Host": 'x",realm="evil' }
    expect(await realm(odd)).toBe(`${registry.url}/auth/token`)
    await using named = await TestRegistry.start({}, [
      ...["--htpasswd", htpasswd, "--token"],
      ...["--external-url", "https://registry.example/"],
    ])
    const door = await named.ask("GET", "/v2/", { headers: { "X-Forwarded-Host": "other" } })
    expect(door.headers.get("www-authenticate")).toContain('realm="https://registry.example/auth/token"')
  }))

test("the catalog shows what the user may pull, and a blob is not mounted from elsewhere", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start(
      { rights: [...rights, { users: ["bob"], repositories: ["team/*"], actions: ["push"] }] },
      ["--htpasswd", htpasswd],
    )
    await registry.image("team/app", "v1", { headers: alice })
    const { layer } = await registry.image("private", "v1", { headers: alice })
    const list = await registry.ask("GET", "/v2/_catalog", { headers: bob })
    expect(await list.json()).toEqual({ repositories: ["team/app"] })
    for (const query of [`mount=${layer}&from=private`, `mount=${layer}`]) {
      const answer = await registry.ask("POST", `/v2/team/app/blobs/uploads/?${query}`, { headers: bob })
      expect(answer.status).toBe(202)
    }
  }))

test("tokens allow what was asked for and may be done, for a while", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start({ rights }, ["--htpasswd", htpasswd, "--token"])
    const door = await registry.ask("GET", "/v2/team/app/tags/list")
    const challenge = door.headers.get("www-authenticate")!
    expect(challenge).toBe(
      `Bearer realm="${registry.url}/auth/token",service="barge-registry",scope="repository:team/app:pull"`,
    )
    const query = `mount=${digestOf("x")}&from=team/base`
    const mount = await registry.ask("POST", `/v2/team/app/blobs/uploads/?${query}`)
    expect(mount.headers.get("www-authenticate")).toEndWith(
      ',scope="repository:team/app:pull,push repository:team/base:pull"',
    )
    const token = async (scope: string, headers: Record<string, string>) => {
      const answer = await registry.ask("GET", `/auth/token?service=barge-registry&scope=${scope}`, { headers })
      return { Authorization: `Bearer ${((await answer.json()) as { token: string }).token}` }
    }
    const push = await token("repository:team/app:pull,push", alice)
    await registry.image("team/app", "v1", { headers: push })
    const reading = await token("repository:team/app:pull,push", bob)
    expect((await registry.ask("GET", "/v2/team/app/manifests/v1", { headers: reading })).status).toBe(200)
    const refused = await registry.ask("POST", "/v2/team/app/blobs/uploads/", { headers: reading })
    expect([refused.status, refused.headers.get("www-authenticate")]).toEqual([
      401,
      expect.stringContaining('error="insufficient_scope"'),
    ])
    expect((await registry.ask("GET", "/v2/other/tags/list", { headers: push })).status).toBe(401)
    expect((await registry.ask("GET", "/auth/token", { headers: basic("bob", "wrong") })).status).toBe(401)
    const catalog = await registry.ask("GET", "/v2/_catalog", { headers: await token("registry:catalog:*", bob) })
    expect(await catalog.json()).toEqual({ repositories: ["team/app"] })
  }))

test("a refresh token gives further tokens until its user is gone, and opens nothing itself", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start({}, ["--htpasswd", htpasswd, "--token"])
    const post = (form: Record<string, string>) =>
      registry.ask("POST", "/auth/token", {
        body: new URLSearchParams(form).toString(),
        headers: { "Content-Type": "application/x-www-form-urlencoded" },
      })
    const first = await post({ grant_type: "password", username: "bob", password: "builder", access_type: "offline" })
    const { refresh_token: refresh } = (await first.json()) as { refresh_token: string }
    const again = () => post({ grant_type: "refresh_token", refresh_token: refresh, scope: "repository:a:pull" })
    expect((await again()).status).toBe(200)
    const misuse = await registry.ask("GET", "/v2/", { headers: { Authorization: `Bearer ${refresh}` } })
    expect(misuse.status).toBe(401)
    await passwordFile(htpasswd, { alice: "wonder" })
    registry.reload()
    expect((await again()).status).toBe(401)
  }))

test("tokens of another issuer are taken by its public keys", async () => {
  const folder = mkdtempSync(join(tmpdir(), "registry-keys-"))
  try {
    const pair = generateKeyPairSync("ec", { namedCurve: "P-256" })
    const keys = join(folder, "jwks.json")
    writeFileSync(keys, JSON.stringify({ keys: [pair.publicKey.export({ format: "jwk" })] }))
    await using registry = await TestRegistry.start({
      auth: { type: "token", realm: "https://issuer.example/token", service: "here", issuer: "them", keys },
    })
    const door = await registry.ask("GET", "/v2/")
    expect(door.headers.get("www-authenticate")).toBe('Bearer realm="https://issuer.example/token",service="here"')
    const key = privateKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string)
    const access = [{ type: "repository", name: "a", actions: ["push", "pull"] }]
    const claims = { iss: "them", aud: "here", sub: "x", exp: Date.now() / 1000 + 60, access }
    const headers = (changed: object) => ({ Authorization: `Bearer ${signToken({ ...claims, ...changed }, key)}` })
    await registry.push("a", randomBytes(10), headers({}))
    for (const changed of [{ iss: "me" }, { aud: "there" }, { exp: 1 }, { nbf: Date.now() / 1000 + 600 }]) {
      expect((await registry.ask("GET", "/v2/a/tags/list", { headers: headers(changed) })).status).toBe(401)
    }
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test("a token is not taken unsigned, by another key, by a public key as a secret, or changed", () => {
  const pair = generateKeyPairSync("rsa", { modulusLength: 2048 })
  const pem = pair.publicKey.export({ type: "spki", format: "pem" }) as string
  const keys = publicKeys(pem)
  const own = privateKey(pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string)
  const claims = { aud: "a", exp: Date.now() / 1000 + 60 }
  const good = signToken(claims, own)
  const check = (token: string) => "claims" in verifyToken(token, keys, { audience: "a" })
  expect(check(good)).toBe(true)
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url")
  const [head, body, signature] = good.split(".")
  expect(check(`${part({ alg: "none" })}.${body}.`)).toBe(false)
  expect(check(`${part({ alg: "HS256" })}.${body}.${signature}`)).toBe(false)
  expect(check(`${head}.${part({ ...claims, sub: "root" })}.${signature}`)).toBe(false)
  const other = privateKey(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }) as string)
  expect(check(signToken(claims, other))).toBe(false)
  expect(check("nonsense")).toBe(false)
})

test("changed users and rights count after a reload", () =>
  withUsers(async (htpasswd) => {
    await using registry = await TestRegistry.start({}, ["--htpasswd", htpasswd])
    expect((await registry.ask("GET", "/v2/", { headers: bob })).status).toBe(200)
    await passwordFile(htpasswd, { alice: "wonder" })
    registry.reload()
    expect((await registry.ask("GET", "/v2/", { headers: bob })).status).toBe(401)
  }))

test("immutable tags stay, quotas hold, deletes can be switched off", async () => {
  await using registry = await TestRegistry.start(
    { immutable: [{ repositories: ["app/*"], tags: ["v*"] }], quotas: [{ repositories: ["small"], bytes: "3kB" }] },
    [],
  )
  const { manifest, bytes } = await registry.image("app/one", "v1")
  expect((await registry.putManifest("app/one", "v1", bytes)).status).toBe(201) // the same again
  const changed = await registry.image("app/one", "latest")
  const moved = await registry.putManifest("app/one", "v1", changed.bytes)
  expect([moved.status, await codeOf(moved)]).toEqual([409, "DENIED"])
  expect((await registry.ask("DELETE", "/v2/app/one/manifests/v1")).status).toBe(409)
  expect((await registry.ask("DELETE", `/v2/app/one/manifests/${manifest}`)).status).toBe(409)
  expect((await registry.ask("DELETE", "/v2/app/one/manifests/latest")).status).toBe(202)

  await registry.push("small", randomBytes(2000))
  const digest = digestOf("x".repeat(1500))
  const full = await registry.ask("POST", `/v2/small/blobs/uploads/?digest=${digest}`, { body: "x".repeat(1500) })
  expect([full.status, await codeOf(full)]).toEqual([403, "DENIED"])
  const elsewhere = await registry.push("big", Buffer.from("x".repeat(1500)))
  const mount = await registry.ask("POST", `/v2/small/blobs/uploads/?mount=${elsewhere}&from=big`)
  expect([mount.status, await codeOf(mount)]).toEqual([403, "DENIED"])
  expect((await registry.ask("HEAD", `/v2/small/blobs/${elsewhere}`)).status).toBe(404)

  registry.configure({ deletes: false })
  registry.reload()
  const off = await registry.ask("DELETE", `/v2/app/one/manifests/${manifest}`)
  expect([off.status, await codeOf(off)]).toEqual([405, "UNSUPPORTED"])
})
