import { messageOf } from "../../../errors/failure.ts"
import { readKeyValueFiles } from "../../../flag-values/key-value-file.ts"
import { environmentWord } from "../../../flag-values/words.ts"
import { atLeast, command, Exit } from "../../command.ts"
import { bool, list, text } from "../../flags/flag.ts"
import { followTerminalSize, serveSession } from "../../session.ts"

export const exec = command({
  use: "exec [OPTIONS] CONTAINER COMMAND [ARG...]",
  args: atLeast(2),
  interspersed: false,
  complete: "runningContainers",
  flags: {
    detach: bool("d", "Detached mode: run command in the background"),
    "detach-keys": text("", "Override the key sequence for detaching a container"),
    env: list("e", "Set environment variables", environmentWord),
    "env-file": list("", "Read in a file of environment variables"),
    interactive: bool("i", "Keep STDIN open even if not attached"),
    privileged: bool("", "Give extended privileges to the command"),
    tty: bool("t", "Allocate a pseudo-TTY"),
    user: text("u", 'Username or UID (format: "<name|uid>[:<group|gid>]")'),
    workdir: text("w", "Working directory inside the container"),
  },
  run: async ({ args, flags, docker, out, err, config }) => {
    const [container = "", ...words] = args
    if (flags.tty && flags.interactive && !flags.detach && !process.stdin.isTTY) {
      throw new Exit(1, "cannot attach stdin to a TTY-enabled container because stdin is not a terminal")
    }
    const lookup = (name: string) => process.env[name]
    const env = [
      ...readKeyValueFiles(flags["env-file"], lookup),
      ...flags.env.flatMap((word) =>
        word.includes("=") ? [word] : lookup(word) === undefined ? [] : [`${word}=${lookup(word)}`],
      ),
    ]
    const size = flags.tty && out.rows && out.columns ? ([out.rows, out.columns] as const) : undefined
    const detachKeys = flags["detach-keys"] || config.file.detachKeys || ""
    const { Id } = await docker.execs.create(container, {
      User: flags.user,
      Privileged: flags.privileged,
      Tty: flags.tty,
      AttachStdin: flags.interactive && !flags.detach,
      AttachStdout: !flags.detach,
      AttachStderr: !flags.detach,
      DetachKeys: detachKeys,
      Env: env.length > 0 ? env : null,
      WorkingDir: flags.workdir,
      Cmd: words,
      ...(size ? { ConsoleSize: size } : {}),
    })
    const start = { Detach: flags.detach, Tty: flags.tty, ...(size ? { ConsoleSize: size } : {}) }
    if (flags.detach) {
      await docker.execs.startDetached(Id, start)
      return 0
    }
    const stream = await docker.execs.attach(Id, start)
    using _size = flags.tty && out.isTerminal ? followTerminalSize((h, w) => docker.execs.resize(Id, h, w)) : undefined
    const end = await serveSession(stream, {
      out,
      err,
      terminal: flags.tty,
      stdin: flags.interactive,
      stdout: true,
      stderr: true,
      detachKeys,
    })
    stream.close()
    if (end === "detached") throw new Exit(1, "read escape sequence")
    try {
      return (await docker.execs.inspect(Id)).ExitCode ?? 0
    } catch (error) {
      // The container has been removed meanwhile; nobody can tell the code any more.
      throw new Exit(1, messageOf(error))
    }
  },
})
