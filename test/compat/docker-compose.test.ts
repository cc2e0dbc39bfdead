import { afterAll, beforeAll, expect, test } from "bun:test"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { freePort } from "../fixtures/free-port.ts"

/** The first line of what docker-compose says of itself; from 2 on it is the plugin of docker, in Go. */
const version =
  (await runProgram("docker-compose", ["version"]).catch(() => undefined))?.stdout.split("\n")[0] ?? "none"
const python = /version 1\./.test(version)
const why = python ? "" : ` (needs docker-compose 1.x; here is ${version})`

const folder = mkdtempSync(join(tmpdir(), "barge-compose-"))
const port = await freePort()
let daemon: TestDaemon
beforeAll(async () => {
  daemon = await TestDaemon.start()
  await daemon.bootstrap()
})
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** The services as a file says them. @param word what the web server answers */
const services = (word: string) =>
  JSON.stringify({
    version: "3.8",
    services: {
      web: {
        image: "busybox",
        command: ["sh", "-c", "mkdir /w; echo $$WORD > /w/index.html; exec httpd -f -p 8080 -h /w"],
        environment: { WORD: word },
        ports: [`127.0.0.1:${port}:8080`],
        networks: { front: { aliases: ["site"] } },
        volumes: ["data:/data", "/scratch"],
        stop_grace_period: "0s",
      },
      client: { image: "busybox", command: "sleep 1000", networks: ["front"], stop_grace_period: "0s" },
    },
    networks: { front: {} },
    volumes: { data: {} },
  })

async function compose(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram("docker-compose", ["--ansi", "never", "-p", "shop", ...args], {
    cwd: folder,
    env: { DOCKER_HOST: `unix://${daemon.socket}` },
  })
  if (code !== 0) throw new Error(`docker-compose ${args.join(" ")} ended with ${code}: ${stderr}`)
  return stdout.trim()
}

test.skipIf(!python)(`docker-compose in Python makes services, changes them and takes them away${why}`, async () => {
  const file = join(folder, "docker-compose.yml")
  writeFileSync(file, services("first"))
  await compose("up", "-d")
  const answers = (word: string) =>
    eventually(async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`).then((response) => response.text(), String)
      return answer.trim() === word
    }, `the web server answers ${word}`)
  await answers("first")
  await compose("exec", "-T", "client", "ping", "-c", "1", "site")
  expect(await compose("port", "web", "8080")).toBe(`127.0.0.1:${port}`)
  await compose("exec", "-T", "web", "sh", "-c", "echo kept > /data/named; echo kept > /scratch/nameless")

  writeFileSync(file, services("second"))
  await compose("up", "-d", "--scale", "client=2")
  await answers("second")
  expect(await compose("exec", "-T", "web", "cat", "/data/named", "/scratch/nameless")).toBe("kept\nkept")
  expect((await compose("ps", "-q")).split("\n")).toHaveLength(3)
  expect(await compose("run", "--rm", "-T", "client", "echo", "once")).toBe("once")

  await compose("down", "-v")
  const { body } = await daemon.json<object[]>("GET", "/containers/json?all=1")
  expect(body).toEqual([])
  const { body: volumes } = await daemon.json<{ Volumes: { Name: string }[] }>("GET", "/volumes")
  expect(volumes.Volumes.map(({ Name }) => Name)).not.toContain("shop_data")
})
