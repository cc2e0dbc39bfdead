import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs"
import { createServer, type Server, type ServerResponse } from "node:http"
import { type AddressInfo, connect, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CannedDaemon } from "../fixtures/canned-daemon.ts"
import { executable, type RunOptions, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { eventually } from "../fixtures/eventually.ts"
import { UserTerminal } from "../fixtures/terminal.ts"

/** Ports of a container that publishes 8,000. */
const manyPorts = Object.fromEntries(
  Array.from({ length: 8000 }, (_, index) => [
    `${index + 1}/tcp`,
    [{ HostIp: "0.0.0.0", HostPort: String(index + 1) }],
  ]),
)

const oldVersion = {
  Version: "1.12.6",
  ApiVersion: "1.24",
  GitCommit: "78d1802",
  GoVersion: "go1.6.4",
  Os: "linux",
  Arch: "amd64",
  BuildTime: "2017-01-10T20:38:45.000000000+00:00",
}

describe("the command line by itself", () => {
  let daemon: CannedDaemon
  let home: string
  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), "barge-home-"))
    symlinkSync(executable, join(home, "docker"))
    daemon = await CannedDaemon.start({
      "GET /containers/big/json": { Id: "b", HostConfig: { CpuShares: 512, PortBindings: manyPorts } },
      "GET /info": { ID: "id", Name: "here", CPUShares: true, Containers: 3 },
      "GET /version": oldVersion,
      "GET /events": (_asked, answer) => answer.writeHead(200).flushHeaders(),
    })
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
    rmSync(home, { recursive: true })
  })

  const clean = { DOCKER_HOST: "", BARGE_HOST: "", DOCKER_TLS: "", DOCKER_TLS_VERIFY: "", DOCKER_CONFIG: "" }
  const run = (args: readonly string[], { env, ...options }: RunOptions = {}) =>
    runProgram(executable, args, { env: { ...clean, HOME: home, ...env }, ...options })
  const asked = (...args: readonly string[]) => run(["-H", daemon.host, ...args])

  test("inspect prints an object of 8,000 ports as JSON.stringify does", async () => {
    const { code, stdout } = await asked("inspect", "big")
    expect(code).toBe(0)
    const object = { Id: "b", HostConfig: { CpuShares: 512, PortBindings: manyPorts } }
    expect(stdout).toBe(`${JSON.stringify([object], null, 4)}\n`)
  })

  test("templates know fields by Go's names, also where another object has the name in JSON", async () => {
    expect((await asked("inspect", "-f", "{{.HostConfig.CPUShares}}", "big")).stdout).toBe("512\n")
    expect((await asked("info", "-f", "{{.CPUShares}} {{.ID}}")).stdout).toBe("true id\n")
  })

  test("info in a format that names no field has the daemon's part too", async () => {
    const { stdout } = await asked("info", "-f", "{{json .}}")
    expect(JSON.parse(stdout)).toMatchObject({ Name: "here", Containers: 3, ClientInfo: { Context: "default" } })
  })

  test("events refuses a field that events do not have before it waits for one", async () => {
    const { code, stderr } = await asked("events", "--format", "{{.bad}}")
    expect({ code, stderr }).toEqual({
      code: 64,
      stderr: `Error parsing format: template: :1:2: executing "" at <.bad>: can't evaluate field bad in type *events.Message\n`,
    })
  })

  test("version shows a daemon that lists no components", async () => {
    const { code, stdout } = await asked("version")
    expect(code).toBe(0)
    expect(stdout).toContain(
      "\nServer:\n Engine:\n  Version:          1.12.6\n  API version:      1.24 (minimum version )\n",
    )
    expect((await asked("version", "-f", "{{(index .Server.Components 0).Name}}")).stdout).toBe("Engine\n")
  })

  test("version says that the daemon is not there, also to a template", async () => {
    for (const [format, stdout] of [
      ["{{.Server.Version}}", "\n"],
      ["{{.Server}}", "<nil>\n"],
      ["{{.Client.Os}}", "linux\n"],
      ["{{.Nothing}}", "\n"],
    ] as const) {
      const outcome = await run(["-H", "unix:///nowhere", "version", "-f", format])
      expect([format, outcome.code, outcome.stdout]).toEqual([format, 1, stdout])
      expect(outcome.stderr).toStartWith("Cannot connect to the Barge daemon at unix:///nowhere.")
    }
  })

  test("called as docker it finds Barge's socket where Docker's is not there", async () => {
    const sees = async (...sockets: readonly string[]) => {
      const made = sockets.map((path) => `mkdir -p $(dirname ${path}) && touch ${path};`).join(" ")
      const script = `mount -t tmpfs none /run; ${made} ${home}/docker context inspect -f '{{.Endpoints.docker.Host}}'`
      const { stdout } = await runProgram("unshare", ["-m", "sh", "-c", script], { env: { ...clean, HOME: home } })
      return stdout.trim()
    }
    const [dockers, barges] = ["/var/run/docker.sock", "/run/barge/barge.sock"]
    expect(await sees()).toBe(`unix://${dockers}`)
    expect(await sees(dockers)).toBe(`unix://${dockers}`)
    expect(await sees(dockers, barges)).toBe(`unix://${dockers}`)
    expect(await sees(barges)).toBe(`unix://${barges}`)
  })

  test("import refuses a source without a name", async () => {
    expect(await asked("import", "", "x")).toEqual({
      code: 1,
      stdout: "",
      stderr: "open : no such file or directory\n",
    })
    expect(daemon.asked).not.toContain("POST /images/create")
  })

  test("an interrupt at a yes-no question ends the line and the command, with exit code 0 and nothing done", async () => {
    await using user = new UserTerminal([executable, "-H", daemon.host, "volume", "prune"])
    await user.see(/\[y\/N\] $/)
    user.type("\u0003")
    expect(await user.ended).toBe(0)
    await user.see(/\n$/)
    expect(daemon.asked).not.toContain("POST /volumes/prune")
  })

  describe("and TLS", () => {
    const missing = () => `open ${home}/.docker/ca.pem: no such file or directory\n`
    const failure = "Failed to initialize: unable to resolve docker endpoint: "
    const ways: readonly (readonly [string, readonly string[], Readonly<Record<string, string>>?])[] = [
      ["--tls", ["--tls"]],
      ["--tlsverify", ["--tlsverify"]],
      ["--tlsverify=false, which still means TLS", ["--tlsverify=false"]],
      ["DOCKER_TLS", [], { DOCKER_TLS: "1" }],
      ["DOCKER_TLS_VERIFY", [], { DOCKER_TLS_VERIFY: "1" }],
    ]
    for (const [name, flags, env = {}] of ways)
      test(`${name} wants certificates, on a unix socket too`, async () => {
        for (const host of [daemon.host, `tcp://127.0.0.1:${daemon.port}`]) {
          const { code, stderr } = await run([...flags, "-H", host, "ps"], { env })
          expect({ code, stderr }).toEqual({ code: 1, stderr: failure + missing() })
        }
      })

    test("a key pair is needed where a flag names it", async () => {
      mkdirSync(`${home}/certificates`, { recursive: true })
      writeFileSync(`${home}/certificates/ca.pem`, "")
      const env = { DOCKER_CERT_PATH: `${home}/certificates` }
      expect((await run(["--tls", "-H", daemon.host, "info", "-f", "{{.Name}}"], { env })).stdout).toBe("here\n")
      const named = await run(["--tls", "--tlscert", "/none", "-H", daemon.host, "info"], { env })
      expect(named.stderr).toContain(`${failure}open /none: no such file or directory\n`)
    })

    test("--tls=false takes back what DOCKER_TLS says", async () => {
      const { stdout } = await run(["--tls=false", "-H", daemon.host, "info", "-f", "{{.Name}}"], {
        env: { DOCKER_TLS: "1" },
      })
      expect(stdout).toBe("here\n")
    })
  })

  describe("and proxies", () => {
    let proxy: Server
    const seen: string[] = []
    beforeAll(async () => {
      // Every name leads to the daemon.
      const way = (): Socket => connect(daemon.port, "127.0.0.1")
      proxy = createServer((request, response) => {
        seen.push(`${request.method} ${request.url} ${request.headers["proxy-authorization"] ?? ""}`.trim())
        response.writeHead(200, { "content-type": "application/json" }).end('{"ID":"id","Name":"through"}')
      })
      proxy.on("connect", (request, socket: Socket) => {
        seen.push(`CONNECT ${request.url}`)
        const onward = way()
        socket.write("HTTP/1.1 200 OK\r\n\r\n")
        socket.pipe(onward).pipe(socket)
        socket.on("error", () => onward.destroy())
      })
      await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve))
    })
    afterAll(() => {
      proxy.closeAllConnections()
      proxy.close()
    })
    const address = () => `127.0.0.1:${(proxy.address() as AddressInfo).port}`
    const info = (host: string, env: Readonly<Record<string, string>>) =>
      run(["-H", host, "info", "-f", "{{.Name}}"], { env: { NO_PROXY: "", ...env } })

    test("a daemon on TCP is asked through HTTP_PROXY, with its user and password", async () => {
      seen.length = 0
      const { stdout } = await info("tcp://far.example:2375", { HTTP_PROXY: `http://me:secret@${address()}` })
      expect(stdout).toBe("through\n")
      expect(seen).toEqual([`GET http://far.example:2375/v1.56/info Basic ${btoa("me:secret")}`])
    })

    test("a stream goes through a way that the proxy makes", async () => {
      seen.length = 0
      const { code } = await run(["-H", "tcp://far.example:2375", "system", "dial-stdio"], {
        env: { HTTP_PROXY: address(), NO_PROXY: "" },
        input: "GET /info HTTP/1.0\r\n\r\n",
      })
      expect(code).toBe(0)
      expect(seen).toEqual(["CONNECT far.example:2375"])
    })

    test("this machine and what NO_PROXY names are asked directly", async () => {
      seen.length = 0
      expect((await info(`tcp://127.0.0.1:${daemon.port}`, { HTTP_PROXY: address() })).stdout).toBe("here\n")
      const env = { HTTP_PROXY: address(), NO_PROXY: "far.invalid" }
      expect((await info("tcp://far.invalid:2375", env)).code).toBe(1)
      expect(seen).toEqual([])
    })

    test("a proxy that is down is what the error names", async () => {
      const { stderr } = await info("tcp://far.example:2375", { HTTP_PROXY: "127.0.0.1:1" })
      expect(stderr).toContain("the proxy 127.0.0.1:1 cannot be reached")
    })
  })
})

describe("containers of the command line", () => {
  let daemon: TestDaemon
  beforeAll(async () => {
    daemon = await TestDaemon.start()
    await daemon.bootstrap()
    await daemon.barge("create", "--name", "made", "busybox", "sh", "-c", "echo a b")
  })
  afterAll(async () => {
    await daemon?.[Symbol.asyncDispose]()
  })

  test("ps quotes an argument that has spaces", async () => {
    const { stdout } = await daemon.barge("ps", "-a", "--no-trunc", "--format", "{{.Command}}")
    expect(stdout).toBe(`"sh -c 'echo a b'"\n`)
  })

  test("--mount bind-create-src makes a source that is missing, and without it that is an error", async () => {
    const path = `${daemon.root}/made-source`
    const run = (option: string) =>
      daemon.barge("run", "--rm", "--mount", `type=bind,src=${path},dst=/x${option}`, "busybox", "true")
    expect((await run("")).stderr).toContain("bind source path does not exist")
    expect((await run(",bind-create-src=false")).code).toBe(125)
    expect((await run(",bind-create-src")).code).toBe(0)
    expect(existsSync(path)).toBe(true)
  })

  test("cp of a link with a slash behind it copies what the link leads to, under the link's name", async () => {
    mkdirSync(`${daemon.root}/real`)
    writeFileSync(`${daemon.root}/real/file`, "content")
    symlinkSync("real", `${daemon.root}/link`)
    expect((await daemon.barge("cp", `${daemon.root}/link/`, "made:/into")).code).toBe(0)
    expect((await daemon.barge("cp", `${daemon.root}/link/`, "made:/tmp")).code).toBe(0)
    const { code } = await daemon.barge("cp", "made:/into/file", `${daemon.root}/one`)
    expect((await daemon.barge("cp", "made:/tmp/link/file", `${daemon.root}/two`)).code).toBe(code)
    expect([readFileSync(`${daemon.root}/one`, "utf8"), readFileSync(`${daemon.root}/two`, "utf8")]).toEqual([
      "content",
      "content",
    ])
  })
})

describe("the command line says what is not there", () => {
  const barge = (...args: readonly string[]) => runProgram(executable, args)

  test("a command that docker has and Barge has not is answered with what to do instead", async () => {
    for (const [words, advice] of [
      [["build", "."], "buildah"],
      [["build", "-t", "x", "."], "barge load -i image.tar"],
      [["buildx", "ls"], "buildah"],
      [["image", "build", "."], "buildah"],
      [["builder", "build", "."], "buildah"],
      [["compose", "up", "-d"], "docker-compose up"],
      [["stack", "deploy"], "docker-compose up"],
      [["service", "ls"], "no swarm mode"],
      [["trust", "inspect"], "--signature-policy"],
    ] as const) {
      const { code, stdout, stderr } = await barge(...words)
      expect([words.join(" "), code, stdout]).toEqual([words.join(" "), 1, ""])
      expect([words.join(" "), stderr]).toEqual([words.join(" "), expect.stringContaining(advice)])
    }
    expect((await barge("nonsense")).stderr).toBe(
      "barge: unknown command: barge nonsense\n\nRun 'barge --help' for more information\n",
    )
  })

  test("help lists only what works, in Barge's words", async () => {
    const { stdout } = await barge("--help")
    expect(stdout).not.toMatch(/^ {2}(builder|plugin|swarm|build)\b/m)
    expect(stdout).not.toContain("Swarm Commands")
    const texts = [
      stdout,
      ...(await Promise.all(["system", "context", "manifest"].map((name) => barge(name, "--help")))).map(
        (each) => each.stdout,
      ),
    ]
    expect(texts.join("").match(/docker (context|disk)|Manage Docker|Docker (objects|version)/g)).toBeNull()
    expect((await barge("__complete", "--", "")).stdout).not.toMatch(/^(builder|plugin|swarm)\t/m)
  })
})

describe("the command line says what helps", () => {
  let folder: string
  beforeAll(() => {
    // Another user must be able to look into it.
    folder = mkdtempSync(join(tmpdir(), "barge-helps-"))
    chmodSync(folder, 0o755)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test("a daemon that is not there: how it is started", async () => {
    const { stderr } = await runProgram(executable, ["-H", "unix:///nowhere", "ps"])
    expect(stderr).toMatch(
      /^Cannot connect to the Barge daemon at unix:\/\/\/nowhere\. Is the barge daemon running\?\nStart it as root: (barge daemon|systemctl start barge)\. Or name another/,
    )
  })

  test("a socket that this user may not use: the group that may", async () => {
    const socket = join(folder, "s")
    const server = Bun.listen({ unix: socket, socket: { data() {} } })
    const denied = async (gid: number, mode: number) => {
      chownSync(socket, 0, gid)
      chmodSync(socket, mode)
      const words = ["--reuid=65534", "--regid=65534", "--clear-groups", executable, "-H", `unix://${socket}`, "ps"]
      return (await runProgram("setpriv", words, { env: { HOME: "/" } })).stderr
    }
    const start = `permission denied while trying to connect to the Barge daemon socket at unix://${socket}\n`
    // The group adm has the number 4 in every Debian.
    expect(await denied(4, 0o660)).toStartWith(`${start}Members of the group adm may use it: sudo usermod -aG adm USER`)
    expect(await denied(0, 0o660)).toStartWith(`${start}Only root may use it: run this with sudo.`)
    server.stop(true)
  })

  test("a registry that cannot be reached: the image that needs none", async () => {
    const message = `Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host`
    const refused = (_asked: unknown, answer: ServerResponse) =>
      void answer.writeHead(500, { "content-type": "application/json" }).end(JSON.stringify({ message }))
    await using daemon = await CannedDaemon.start({ "POST /images/create": refused })
    const said = async (...words: readonly string[]) =>
      (await runProgram(executable, ["-H", daemon.host, ...words])).stderr
    expect(await said("run", "busybox")).toContain("barge image bootstrap busybox\n")
    expect(await said("pull", "debian:bookworm")).toContain("barge image bootstrap debian:bookworm\n")
    expect(await said("pull", "redis")).not.toContain("bootstrap")
  })

  test("a shim that was killed: a line in the daemon's log", async () => {
    await using daemon = await TestDaemon.start()
    await daemon.bootstrap()
    expect((await daemon.barge("run", "-d", "busybox", "sleep", "1000")).code).toBe(0)
    const { stdout } = await runProgram("pgrep", ["-f", `shim --run-root ${daemon.root}/run`])
    process.kill(Number(stdout.trim()), "SIGKILL")
    await eventually(async () => daemon.log.includes("the shim had ended and was started again"), "the log says so")
  })
})
