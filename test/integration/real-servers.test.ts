import { afterAll, beforeAll, expect, test } from "bun:test"
import { existsSync } from "node:fs"
import { connect, type Socket } from "node:net"
import { TestDaemon } from "../fixtures/daemon.ts"
import { importServers, servers } from "../fixtures/debian-servers.ts"
import { processesOf } from "../fixtures/kernel-state.ts"

/**
 * nginx, Redis and PostgreSQL as Debian packages them, on two networks: nginx in front of everybody, the data behind it, an
 * application in both.
 */
let daemon: TestDaemon
const networks = new Map<string, string>()

const docker = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.barge(...args)
  if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${stderr}\n${daemon.log}`)
  return stdout.trim()
}

/** What a command in a container says, or why it failed. */
const within = async (container: string, ...command: string[]): Promise<string> => {
  const { code, stdout, stderr } = await daemon.barge("exec", container, ...command)
  return code === 0 ? stdout.trim() : `failed: ${stderr.trim()}`
}

const sql = (from: string, host: string, statement: string) =>
  within(from, "psql", "-h", host, "-U", "postgres", "-qAt", "-c", statement)
const redis = (from: string, host: string, ...words: string[]) => within(from, "redis-cli", "-h", host, ...words)
const page = (from: string, url: string) => within(from, "curl", "-sS", "--connect-timeout", "3", url)

const address = (container: string, network: string) =>
  docker("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container)

/** Asks until a server answers as wanted: it takes a moment to listen. @throws Error with its log when it ended */
async function until(server: string, wanted: string, ask: () => Promise<string>): Promise<void> {
  while ((await ask()) !== wanted) {
    if ((await docker("inspect", "-f", "{{.State.Running}}", server)) !== "true")
      throw new Error(`${server} ended: ${(await daemon.barge("logs", server)).stderr}`)
  }
}

/** A connection to Redis on a port of the host. */
async function redisClient(port: number) {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const connecting = connect(port, "127.0.0.1", () => resolve(connecting))
    connecting.once("error", reject)
  })
  const say = (line: string) =>
    new Promise<string>((resolve, reject) => {
      const closed = () => reject(new Error("the connection was closed"))
      socket.once("close", closed)
      socket.once("data", (data) => {
        socket.off("close", closed)
        resolve(data.toString().trim())
      })
      socket.write(`${line}\r\n`)
    })
  return { say, [Symbol.dispose]: () => void socket.destroy() }
}

beforeAll(async () => {
  daemon = await TestDaemon.start()
  await importServers(daemon)
  for (const name of ["front", "back"]) networks.set(name, await docker("network", "create", name))
  await docker(
    "run",
    "-d",
    "--name",
    "web",
    "--network",
    "front",
    "--network-alias",
    "www",
    "servers",
    ...servers.nginx,
  )
  await docker("run", "-d", "--name", "cache", "--network", "back", "-p", "6379", "servers", ...servers.redis)
  await docker("run", "-d", "--name", "db", "--network", "back", "servers", ...servers.postgres)
  await docker("run", "-d", "--name", "app", "--network", "front", "--network", "back", "servers", "sleep", "infinity")
  await until("db", "1", () => sql("app", "db", "select 1"))
  await until("cache", "PONG", () => redis("app", "cache", "ping"))
  expect(await page("app", "http://web/")).toContain("Welcome to nginx!")
}, 600_000)

afterAll(async () => {
  const { body } = await daemon.json<{ Id: string }[]>("GET", "/containers/json?all=1")
  for (const { Id } of body) await daemon.request("DELETE", `/containers/${Id}?force=1`)
  for (const name of networks.keys()) await docker("network", "rm", name)
  for (const id of networks.values()) expect(existsSync(`/sys/class/net/br-${id.slice(0, 12)}`)).toBe(false)
  await daemon[Symbol.asyncDispose]()
})

test("an application in both networks reaches every server by name, alias and short ID", async () => {
  expect(await sql("app", "db", "select count(*) from pg_database where datname = 'postgres'")).toBe("1")
  expect(await redis("app", "cache.back", "set", "color", "blue")).toBe("OK")
  expect(await page("app", "http://www/")).toContain("Welcome to nginx!")
  const short = (await docker("inspect", "-f", "{{.Id}}", "cache")).slice(0, 12)
  expect(await redis("app", short, "get", "color")).toBe("blue")
  const peers = "select client_addr from pg_stat_activity where pid = pg_backend_pid()"
  expect(await sql("app", "db", peers)).toBe(await address("app", "back"))
})

test("who is in one network finds nobody of the other, neither by name nor by address", async () => {
  expect(await sql("web", "db", "select 1")).toContain('could not translate host name "db" to address')
  expect(await redis("web", "cache", "ping")).toContain("Could not connect to Redis at cache:6379")
  expect(await page("db", "http://web/")).toContain("Could not resolve host: web")
  for (const [from, url] of [
    ["web", `http://${await address("cache", "back")}:6379/`],
    ["db", `http://${await address("web", "front")}/`],
  ] as const)
    expect(await page(from, url)).toMatch(/failed: curl: \((7|28)\)/)
})

test("a server that is connected to a network while it runs serves there, and no longer once it is disconnected", async () => {
  // A session that stays open all the while.
  await docker(
    "exec",
    "-d",
    "app",
    "psql",
    "-h",
    "db",
    "-U",
    "postgres",
    "-c",
    "create table done as select 1 from pg_sleep(1)",
  )
  await docker("network", "connect", "--alias", "store", "front", "db")
  expect(await sql("web", "store", "select 1")).toBe("1")
  expect(await sql("web", "db", "select inet_server_addr()")).toBe(await address("db", "front"))
  expect(await sql("app", "db", "select 1")).toBe("1")
  const before = await address("db", "front")
  await docker("network", "disconnect", "front", "db")
  expect(await sql("web", "store", "select 1")).toContain("could not translate host name")
  expect(await page("web", `http://${before}:5432/`)).toMatch(/failed: curl: \((7|28)\)/)
  await until("db", "1", () => sql("app", "db", "select count(*) from done"))
})

test("a proxy finds the server behind it by name, where it is now", async () => {
  const site =
    "server { listen 81; location / { resolver 127.0.0.11 valid=1s; set $behind http://inner; proxy_pass $behind; } }"
  await within("web", "sh", "-c", `echo '${site}' > /etc/nginx/conf.d/proxy.conf; nginx -s reload`)
  await docker("network", "connect", "back", "web")
  for (const text of ["first", "second"]) {
    const serve = `echo ${text} > /var/www/html/index.html; exec nginx -g 'daemon off;'`
    await docker(
      "run",
      "-d",
      "--name",
      text,
      "--network",
      "back",
      "--network-alias",
      "inner",
      "servers",
      "sh",
      "-c",
      serve,
    )
    await until(text, text, () => page("app", "http://web:81/"))
    await docker("rm", "-f", text)
  }
  await docker("network", "disconnect", "back", "web")
})

test("daemon and shim are killed with -9 under traffic: connections stay, new ones come about, names are answered", async () => {
  const port = Number((await docker("port", "cache", "6379")).split("\n")[0]!.split(":").at(-1))
  using counter = await redisClient(port)
  const count = async () => Number((await counter.say("INCR turns")).slice(1))
  let turns = await count()
  const counts = async () => {
    const now = await count()
    expect(now).toBe(turns + 1)
    turns = now
  }
  // Each turn asks for the name and opens a connection.
  const turn = "psql -h db -U postgres -qAtc \"select 'answered'\" || echo lost"
  const load = ["sh", "-c", `while :; do ${turn}; done`]
  await docker("run", "-d", "--name", "load", "--network", "back", "servers", ...load)
  const log = () => docker("logs", "load")
  const more = async () => {
    const before = (await log()).length
    while ((await log()).length < before + 100) await counts()
  }
  await more()

  await daemon.end("SIGKILL")
  for (let i = 0; i < 100; i++) await counts()
  using during = await redisClient(port)
  expect(await during.say("PING")).toBe("+PONG")
  await daemon.startAgain()
  await more()

  const [shim] = processesOf(daemon.root, "shim")
  process.kill(shim!, "SIGKILL")
  while (processesOf(daemon.root, "shim").every((pid) => pid === shim)) await counts()
  await more()
  expect(await log()).not.toContain("lost")
  expect(await log()).toContain("answered")

  // Both at once: nobody is left who could hold a question, so those of that moment are lost.
  await daemon.end("SIGKILL")
  for (const pid of processesOf(daemon.root, "shim")) process.kill(pid, "SIGKILL")
  await counts()
  await daemon.startAgain()
  await more()
  expect((await log()).trimEnd()).toEndWith("answered")
  expect(await during.say("PING")).toBe("+PONG")
  expect(await redis("app", "cache", "ping")).toBe("PONG")
})
