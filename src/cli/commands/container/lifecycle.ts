import { isKind, messageOf } from "../../../errors/failure.ts"
import { atLeast, command, Exit, exactly } from "../../command.ts"
import { forEachReporting } from "../../each.ts"
import { bool, text } from "../../flags/flag.ts"
import { int } from "../../flags/numbers.ts"

const stopFlags = {
  signal: text("s", "Signal to send to the container"),
  timeout: int("t", "Seconds to wait before killing the container"),
  time: { ...int("", "Seconds to wait before killing the container"), hidden: true },
} as const

const stopQuery = (
  flags: { readonly signal: string; readonly timeout: number; readonly time: number },
  given: ReadonlySet<string>,
) => ({
  ...(flags.signal ? { signal: flags.signal } : {}),
  ...(given.has("timeout") ? { t: flags.timeout } : given.has("time") ? { t: flags.time } : {}),
})

/** Does the same to each container at once, printing the names in order, unless the work says `unsaid`. @throws Exit 1 with every failure */
async function all(
  names: readonly string[],
  out: { line(text: string): void },
  // biome-ignore lint/suspicious/noConfusingVoidType: most work has nothing to say
  work: (name: string) => Promise<"unsaid" | void>,
): Promise<void> {
  const outcomes = names.map((name) =>
    work(name).then(
      (said) => (said === "unsaid" ? undefined : { done: name }),
      (error: unknown) => ({ failure: messageOf(error) }),
    ),
  )
  const failures: string[] = []
  for (const pending of outcomes) {
    const outcome = await pending
    if (outcome && "done" in outcome) out.line(outcome.done)
    else if (outcome) failures.push(outcome.failure)
  }
  if (failures.length > 0) throw new Exit(1, failures.join("\n"))
}

export const stop = command({
  use: "stop [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "runningContainers",
  flags: stopFlags,
  run: ({ args, flags, given, docker, out }) =>
    all(args, out, (name) => docker.containers.stop(name, stopQuery(flags, given))),
})

export const restart = command({
  use: "restart [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "containers",
  flags: stopFlags,
  run: ({ args, flags, given, docker, out }) =>
    all(args, out, (name) => docker.containers.restart(name, stopQuery(flags, given))),
})

export const kill = command({
  use: "kill [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "runningContainers",
  flags: { signal: text("s", "Signal to send to the container") },
  run: ({ args, flags, docker, out }) => all(args, out, (name) => docker.containers.kill(name, flags.signal)),
})

export const pause = command({
  use: "pause CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "runningContainers",
  flags: {},
  run: ({ args, docker, out }) => all(args, out, (name) => docker.containers.pause(name)),
})

export const unpause = command({
  use: "unpause CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "containers",
  flags: {},
  run: ({ args, docker, out }) => all(args, out, (name) => docker.containers.unpause(name)),
})

export const rm = command({
  use: "rm [OPTIONS] CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "containers",
  flags: {
    force: bool("f", "Force the removal of a running container (uses SIGKILL)"),
    link: bool("l", "Remove the specified link"),
    volumes: bool("v", "Remove anonymous volumes associated with the container"),
  },
  run: ({ args, flags, docker, out }) =>
    all(args, out, async (given) => {
      const name = given.replace(/^\/+|\/+$/g, "")
      if (name === "") throw new Exit(1, "container name cannot be empty")
      try {
        await docker.containers.remove(name, { v: flags.volumes, force: flags.force, link: flags.link })
      } catch (error) {
        if (!flags.force || !isKind(error, "notFound")) throw error
        return "unsaid"
      }
    }),
})

export const rename = command({
  use: "rename CONTAINER NEW_NAME",
  args: exactly(2),
  complete: "containers",
  flags: {},
  run: async ({ args, docker }) => {
    const [from = "", to = ""] = args.map((word) => word.trim())
    if (!from) throw new Exit(1, "invalid container name or ID: value is empty")
    const failed = (why: string) => new Exit(1, `failed to rename container: ${why}`)
    if (!to) throw failed("new name cannot be blank")
    await docker.containers.rename(from, to).catch((error) => {
      throw failed(messageOf(error))
    })
  },
})

export const wait = command({
  use: "wait CONTAINER [CONTAINER...]",
  args: atLeast(1),
  complete: "containers",
  flags: {},
  run: ({ args, docker, out }) =>
    forEachReporting(args, async (name) => {
      const { ended } = await docker.containers.wait(name)
      out.line(String((await ended).StatusCode))
    }),
})
