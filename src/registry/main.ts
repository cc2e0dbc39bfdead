import { Failure, messageOf } from "../errors/failure.ts"
import { Log } from "../std/log.ts"
import { checkStorage } from "./check.ts"
import { registryConfig } from "./config.ts"
import { parseFlags, serveHelp } from "./flags.ts"
import { Repositories } from "./repositories/repositories.ts"
import { serveRegistry } from "./serve.ts"
import { openStorage } from "./storage/open.ts"

const help = `Usage:  barge registry COMMAND

Serve and look after an OCI registry

Commands:
  serve       Serve an OCI registry
  check       Read everything that a stopped registry has stored and verify it

Run 'barge registry COMMAND --help' for more information on a command.
`

/** `barge registry …`. @returns the exit code */
export async function registryMain(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args
  try {
    if (command === "serve") return await serve(rest)
    if (command === "check") return await check(rest)
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    console.error(error.message)
    return 1
  }
  if (command === undefined || command === "--help" || command === "-h" || command === "help") {
    process.stdout.write(help)
    return 0
  }
  console.error(`barge registry: unknown command "${command}"; see 'barge registry --help'.`)
  return 1
}

async function serve(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args)
  if (flags.flag("help")) {
    process.stdout.write(serveHelp())
    return 0
  }
  const log = new Log({ level: "info" })
  const config = registryConfig(flags)
  await using registry = await serveRegistry(config, { log, line: (line) => void process.stdout.write(line) })
  log.info("the registry serves", { address: registry.address, root: config.root })
  process.on("SIGHUP", () => {
    try {
      registry.reload(registryConfig(parseFlags(args)))
      log.info("the configuration was read again")
    } catch (error) {
      log.error("the configuration could not be read again: the old one stays", { error: messageOf(error) })
    }
  })
  process.on("SIGUSR1", () => void registry.collect())
  const signal = await new Promise<string>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) process.on(name, () => resolve(name))
  })
  log.info("shutting down: requests under way are answered", { signal })
  return 0
}

async function check(args: readonly string[]): Promise<number> {
  const flags = parseFlags(args)
  if (flags.flag("help")) {
    process.stdout.write(
      "Usage:  barge registry check --root DIR | --config FILE\n\nVerify what a stopped registry has stored\n",
    )
    return 0
  }
  const config = registryConfig(flags)
  await using storage = await openStorage(config)
  const { problems, ...count } = await checkStorage(storage, new Repositories(storage, config.policy), (name) =>
    config.proxies.some(({ prefix }) => name.startsWith(prefix)),
  )
  for (const problem of problems) console.error(problem)
  console.log(
    `${count.repositories} repositories, ${count.tags} tags, ${count.manifests} manifests, ${count.blobs} blobs: ${problems.length === 0 ? "all well" : `${problems.length} problems`}`,
  )
  return problems.length === 0 ? 0 : 1
}
