import type { WaitResponse } from "../../../api/container.ts"
import { ConnectFailure } from "../../../client/connect-failure.ts"
import { messageOf } from "../../../errors/failure.ts"
import { atLeast, command, Exit, type Invocation } from "../../command.ts"
import { bool, text } from "../../flags/flag.ts"
import { daemonRemoves, watchEnding } from "../../run/ending.ts"
import { bodyOf, createContainer, launchFlags, refused, startFailureCode, withHelp } from "../../run/launch.ts"
import { followTerminalSize, proxySignals, serveSession } from "../../session.ts"
import { printTrace } from "../../trace-report.ts"

const flags = {
  ...launchFlags('running ("always", "missing", "never")'),
  detach: bool("d", "Run container in background and print container ID"),
  "detach-keys": text("", "Override the key sequence for detaching a container"),
  "sig-proxy": bool("", "Proxy received signals to the process", true),
  trace: bool("", "Show where the time of the run went, layer by layer (Barge only)"),
} as const

export const run = command({
  use: "run [OPTIONS] IMAGE [COMMAND] [ARG...]",
  args: atLeast(1),
  interspersed: false,
  complete: "images",
  flags,
  run: async (invocation) => {
    if (!invocation.flags.trace) return await runContainer(invocation)
    const span = invocation.trace()
    try {
      return await runContainer(invocation)
    } finally {
      span.end()
      await printTrace(invocation, span)
    }
  },
})

async function runContainer(invocation: Invocation<typeof flags>): Promise<number> {
  const { flags, docker, out, err, program, config } = invocation
  const refuse = (error: unknown) => {
    if (error instanceof Exit) return error
    const message = messageOf(error)
    if (error instanceof ConnectFailure) return new Exit(1, message)
    return withHelp(program, "run", message, startFailureCode(message))
  }
  const body = bodyOf(invocation, "run", flags.detach)
  const attachesStdin = flags.attach.length === 0 ? flags.interactive : flags.attach.includes("stdin")
  const attaches = (stream: string) => flags.attach.length === 0 || flags.attach.includes(stream)
  if (flags.detach && flags.attach.length > 0) {
    throw new Exit(1, "conflicting options: cannot specify both --attach and --detach")
  }
  if (flags.tty && attachesStdin && !flags.detach && !process.stdin.isTTY) {
    throw new Exit(1, "cannot attach stdin to a TTY-enabled container because stdin is not a terminal")
  }
  const { Id } = await createContainer(invocation, body).catch((error) => {
    throw refuse(error)
  })
  const detachKeys = flags["detach-keys"] || config.file.detachKeys || ""
  if (flags.detach) {
    const version = await docker.transport.spoken()
    if (flags.rm && !daemonRemoves(version)) {
      await docker.containers.remove(Id, { v: true })
      throw refuse(new Error(`the daemon (API ${version}) is too old to remove containers: use --rm without --detach`))
    }
    await start(invocation, Id, refuse)
    out.line(Id)
    return 0
  }
  const [ending, stream] = await Promise.all([
    watchEnding(docker, Id, { removes: flags.rm }),
    docker.containers.attach(Id, {
      stream: true,
      stdin: attachesStdin,
      stdout: attaches("stdout"),
      stderr: attaches("stderr"),
      ...(detachKeys ? { detachKeys } : {}),
    }),
  ])
  using _signals = flags["sig-proxy"] ? proxySignals((signal) => docker.containers.kill(Id, signal)) : undefined
  const session = serveSession(stream, {
    out,
    err,
    terminal: flags.tty,
    stdin: attachesStdin,
    stdout: attaches("stdout"),
    stderr: attaches("stderr"),
    detachKeys,
  })
  session.catch(() => {})
  try {
    await start(invocation, Id, refuse)
  } catch (error) {
    stream.close()
    await ending.startFailed()
    throw error
  }
  using _size =
    flags.tty && out.isTerminal ? followTerminalSize((h, w) => docker.containers.resize(Id, h, w)) : undefined
  const end = await session
  stream.close()
  return end === "detached" ? 0 : await exitCode(invocation, ending.ended)
}

async function start(
  { docker, flags: given, config }: Invocation<typeof flags>,
  id: string,
  refuse: (error: unknown) => Exit,
): Promise<void> {
  const keys = given["detach-keys"] || config.file.detachKeys
  try {
    await docker.containers.start(id, keys ? { detachKeys: keys } : {})
  } catch (error) {
    throw refuse(error)
  }
}

async function exitCode({ err }: Invocation<typeof flags>, ended: Promise<WaitResponse>): Promise<number> {
  const { StatusCode, Error: failure } = await ended
  if (!failure?.Message) return StatusCode
  err.line(failure.Message)
  return refused
}
