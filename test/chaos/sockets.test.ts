import { expect, test } from "bun:test"
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { executable, runProgram, TestDaemon } from "../fixtures/daemon.ts"
import { freePort } from "../fixtures/free-port.ts"
import { RawClient } from "../fixtures/raw-client.ts"

/** A certificate authority, a server's key for 127.0.0.1, a client's, and one of a stranger, as PEM files. */
async function certificates(folder: string): Promise<void> {
  const openssl = async (...args: string[]) => {
    const { code, stderr } = await runProgram("openssl", args)
    if (code !== 0) throw new Error(`openssl ${args[0]}: ${stderr}`)
  }
  const authority = async (name: string) => {
    const at = (file: string) => join(folder, file)
    await openssl(
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      at(`${name}.key`),
      "-out",
      at(`${name}.pem`),
    )
    return async (who: string, usage: string) => {
      writeFileSync(at(`${who}.ext`), `subjectAltName=IP:127.0.0.1\nextendedKeyUsage=${usage}\n`)
      await openssl(
        "req",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-subj",
        `/CN=${who}`,
        "-keyout",
        at(`${who}.key`),
        "-out",
        at(`${who}.csr`),
      )
      await openssl(
        "x509",
        "-req",
        "-in",
        at(`${who}.csr`),
        "-CA",
        at(`${name}.pem`),
        "-CAkey",
        at(`${name}.key`),
        "-CAcreateserial",
        "-days",
        "2",
        "-extfile",
        at(`${who}.ext`),
        "-out",
        at(`${who}.pem`),
      )
    }
  }
  const sign = await authority("ca")
  await sign("server", "serverAuth")
  await sign("client", "clientAuth")
  const strange = await authority("other")
  await strange("stranger", "clientAuth")
}

/** Both clients through contexts that keep the certificates, and through the environment as it is for `docker-machine`. */
async function throughContexts(host: string, folder: string): Promise<void> {
  const at = (file: string) => join(folder, file)
  const lasting = (who: string) => `host=${host},ca=${at("ca.pem")},cert=${at(`${who}.pem`)},key=${at(`${who}.key`)}`
  const certificates = at("certificates")
  mkdirSync(certificates)
  for (const [from, to] of [
    ["ca.pem", "ca.pem"],
    ["client.pem", "cert.pem"],
    ["client.key", "key.pem"],
  ] as const)
    copyFileSync(at(from), join(certificates, to))
  for (const program of ["docker", executable]) {
    const env = { DOCKER_CONFIG: mkdtempSync(at("config-")), DOCKER_HOST: "", BARGE_HOST: "" }
    const client = (...args: string[]) => runProgram(program, args, { env })
    for (const who of ["client", "stranger"])
      expect(await client("context", "create", who, "--docker", lasting(who))).toMatchObject({
        code: 0,
        stdout: `${who}\n`,
      })
    const echo = ["run", "--rm", "busybox", "echo", "in a context"]
    expect(await client("--context", "client", ...echo)).toMatchObject({ code: 0, stdout: "in a context\n" })
    const refused = await client("--context", "stranger", ...echo)
    // Docker's command line says 1 of a daemon that it does not reach from version 29 on, 125 before.
    expect(refused.code).toBeOneOf(program === "docker" ? [1, 125] : [1])
    expect(await client("context", "use", "client")).toMatchObject({ code: 0 })
    expect(await client("version", "--format", "{{.Server.Os}}")).toMatchObject({ code: 0, stdout: "linux\n" })
    // What is kept of a context goes on without the files that it was made of.
    const exported = at(`${program === "docker" ? "docker" : "barge"}.tar`)
    expect((await client("context", "export", "client", exported)).code).toBe(0)
    expect((await client("context", "import", "again", exported)).code).toBe(0)
    expect(await client("--context", "again", ...echo)).toMatchObject({ code: 0, stdout: "in a context\n" })
    const environment = { ...env, DOCKER_HOST: host, DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: certificates }
    expect(await runProgram(program, echo, { env: environment })).toMatchObject({ code: 0, stdout: "in a context\n" })
  }
}

test("with --tlsverify only clients with a certificate of the authority are served over TCP", async () => {
  const folder = mkdtempSync(join(tmpdir(), "tls-"))
  try {
    await certificates(folder)
    const port = await freePort()
    const at = (file: string) => join(folder, file)
    await using daemon = await TestDaemon.start([
      "-H",
      `tcp://127.0.0.1:${port}`,
      "--tlsverify",
      "--tlscacert",
      at("ca.pem"),
      "--tlscert",
      at("server.pem"),
      "--tlskey",
      at("server.key"),
    ])
    const docker = (...args: string[]) => runProgram("docker", ["-H", `tcp://127.0.0.1:${port}`, ...args])
    const tls = (who: string) => [
      "--tlsverify",
      "--tlscacert",
      at("ca.pem"),
      "--tlscert",
      at(`${who}.pem`),
      "--tlskey",
      at(`${who}.key`),
    ]
    expect(await docker(...tls("client"), "version", "--format", "{{.Server.Os}}")).toMatchObject({
      code: 0,
      stdout: "linux\n",
    })
    for (const flags of [tls("stranger"), ["--tls", "--tlscacert", at("ca.pem")], []]) {
      const refused = await docker(...flags, "version", "--format", "{{.Server.Os}}")
      expect({ flags, served: refused.code === 0 || refused.stdout.includes("linux") }).toEqual({
        flags,
        served: false,
      })
    }
    // Streams that are taken over work over TLS as well.
    await daemon.bootstrap()
    expect(await docker(...tls("client"), "run", "--rm", "busybox", "echo", "over TLS")).toMatchObject({
      code: 0,
      stdout: "over TLS\n",
    })
    expect((await daemon.docker("version")).code).toBe(0)
    await throughContexts(`tcp://127.0.0.1:${port}`, folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test("the unix socket belongs to the group that was asked for, and is the owner's alone when there is no such group", async () => {
  const mode = (daemon: TestDaemon) => {
    const { gid, mode } = statSync(daemon.socket)
    return { gid, mode: (mode & 0o777).toString(8) }
  }
  {
    await using daemon = await TestDaemon.start(["--group", "4711"])
    expect(mode(daemon)).toEqual({ gid: 4711, mode: "660" })
  }
  await using daemon = await TestDaemon.start(["--group", "no-such-group"])
  expect(mode(daemon)).toEqual({ gid: 0, mode: "600" })
})

test("sockets that systemd hands over are served, all of them or by name, and stay when the daemon goes", async () => {
  await using scratch = await TestDaemon.start()
  const folder = join(scratch.root, "activation")
  mkdirSync(folder)
  const sockets = [join(folder, "one.sock"), join(folder, "two.sock")]
  // As systemd does: it listens, and starts the daemon with the sockets from descriptor 3 on.
  const launcher = `
    import os, socket, sys
    for index, path in enumerate(sys.argv[1:3]):
        s = socket.socket(socket.AF_UNIX); s.bind(path + ".new"); s.listen(64); os.rename(path + ".new", path)
        os.set_inheritable(s.fileno(), True)
        os.dup2(s.fileno(), 10 + index, inheritable=True)
    os.dup2(10, 3, inheritable=True); os.dup2(11, 4, inheritable=True); os.closerange(5, 64)
    os.environ.update(LISTEN_FDS="2", LISTEN_FDNAMES="first:second", LISTEN_PID=str(os.getpid()))
    os.execv(sys.argv[3], sys.argv[3:])`
  writeFileSync(join(folder, "launch.py"), launcher.replaceAll("\n    ", "\n"))
  const words = (host: string) => [
    "daemon",
    "--data-root",
    `${folder}/data`,
    "--exec-root",
    `${folder}/run`,
    "--pidfile",
    `${folder}/pid`,
    "--config-file",
    `${scratch.root}/daemon.json`,
    "--bridge",
    "none",
    "-H",
    host,
  ]
  const start = (host: string) =>
    Bun.spawn(["python3", join(folder, "launch.py"), ...sockets, executable, ...words(host)], {
      stdio: ["ignore", "ignore", "inherit"],
    })
  const ask = async (path: string) => {
    const client = new RawClient(path)
    await client.send("GET /_ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    return (await client.untilEnd()).split("\r\n")[0]
  }
  for (const [host, served] of [
    ["fd://", sockets],
    ["fd://second", [sockets[1]!]],
  ] as const) {
    const daemon = start(host)
    for (const path of served) {
      while (
        !(await Bun.file(path)
          .exists()
          .catch(() => false)) &&
        !statSync(path, { throwIfNoEntry: false })
      )
        await Bun.sleep(5)
      expect(await ask(path)).toBe("HTTP/1.1 200 OK")
    }
    daemon.kill("SIGTERM")
    expect(await daemon.exited).toBe(0)
    for (const path of sockets) {
      expect(statSync(path).isSocket()).toBe(true)
      rmSync(path)
    }
  }
  const alone = await runProgram(executable, words("fd://"))
  expect(alone.code).toBe(1)
  expect(alone.stderr + alone.stdout).toContain(
    "no sockets found via socket activation: make sure the service was started by systemd",
  )
})
