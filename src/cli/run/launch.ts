import { existsSync, writeFileSync } from "node:fs"
import type { CreateResponse } from "../../api/container.ts"
import type { CreateBody } from "../../api/container-config.ts"
import { ResponseError } from "../../client/response-error.ts"
import { messageOf } from "../../errors/failure.ts"
import { familiar, familiarName, parseReference, withDefaultTag } from "../../oci/reference.ts"
import { Exit, type Invocation } from "../command.ts"
import { text } from "../flags/flag.ts"
import { parsePlatform, platformText } from "../flags/platform.ts"
import { printProgress } from "../output/progress.ts"
import { Credentials } from "../registry/credentials.ts"
import { withWayOut } from "../registry/way-out.ts"
import { screenOf } from "../screen.ts"
import { createBody } from "./body.ts"
import { containerFlags } from "./flags.ts"
import { proxyVariables } from "./proxies.ts"

/** What `run` and `create` have besides the container's own flags. @param moment when `--pull` pulls */
export const launchFlags = (moment: string) =>
  ({ ...containerFlags, pull: text("", `Pull image before ${moment}`, "missing") }) as const

/** Exit code of `run` and `create` when the daemon or this program refuses. */
export const refused = 125

type Launch = Invocation<ReturnType<typeof launchFlags>>

/** A failure of `run` or `create`, with the way to their help. */
export const withHelp = (program: string, verb: "run" | "create", message: string, code = refused): Exit =>
  new Exit(code, `${program}: ${message}\n\nRun '${program} ${verb} --help' for more information`)

/** What the flags ask for. @param detached nothing of the container is attached @throws Exit 125 in docker's words */
export function bodyOf(invocation: Launch, verb: "run" | "create", detached = false): CreateBody {
  const { args, flags, given, docker, program, out } = invocation
  const [image = "", ...words] = args
  const { host } = docker.transport.options
  try {
    if (!["always", "missing", "never", ""].includes(flags.pull))
      throw new Error(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`)
    return createBody({
      flags,
      given,
      image,
      command: words,
      detached,
      proxies: proxyVariables(invocation.config.file.proxies, host.text),
      environment: process.env,
      consoleSize: [out.rows ?? 0, out.columns ?? 0],
      ...(host.kind === "unix" ? { socket: host.path } : {}),
    })
  } catch (error) {
    throw withHelp(program, verb, messageOf(error))
  }
}

/** Creates the container, pulling its image when it is missing. @throws in docker's words */
export async function createContainer(invocation: Launch, body: CreateBody): Promise<CreateResponse> {
  const { args, flags, docker, err } = invocation
  const image = args[0]!
  if (flags.cidfile && existsSync(flags.cidfile))
    throw new Error(`container ID file found, make sure the other container isn't running or delete ${flags.cidfile}`)
  const reference = /^([0-9a-f]{64}|sha256:[0-9a-f]{64})$/.test(image) ? undefined : parseReference(image)
  const query = { name: flags.name, platform: platformOf(flags.platform) }
  if (flags.pull === "always") await pullImage(invocation, image)
  let created: CreateResponse
  try {
    created = await docker.containers.create(body, query)
  } catch (error) {
    const missing = error instanceof ResponseError && error.status === 404
    if (!missing || !reference || flags.pull !== "missing") throw error
    if (!flags.quiet) err.line(`Unable to find image '${familiar(withDefaultTag(reference))}' locally`)
    await pullImage(invocation, image)
    created = await docker.containers.create(body, query)
  }
  const local = body.HostConfig?.Dns?.find((address) => /^127\.|^::1$/.test(address))
  const further = local ? [`Localhost DNS (${local}) may fail in containers.`] : []
  for (const warning of [...(created.Warnings ?? []), ...further]) err.line(`WARNING: ${warning}`)
  if (flags.cidfile) writeFileSync(flags.cidfile, created.Id)
  return created
}

function platformOf(given: string): string {
  if (given === "") return ""
  return platformText(parsePlatform(given))
}

async function pullImage(invocation: Launch, image: string): Promise<void> {
  const { docker, flags, err, config } = invocation
  const reference = withDefaultTag(parseReference(image))
  try {
    const messages = await docker.images.pull(
      { fromImage: familiarName(reference), tag: reference.digest ?? reference.tag ?? "", platform: flags.platform },
      await new Credentials(config).forImage(reference.domain),
    )
    await printProgress(
      messages,
      flags.quiet ? { isTerminal: false, columns: undefined, write: () => {} } : screenOf(err),
    )
  } catch (error) {
    throw withWayOut(error, reference, invocation.program)
  }
}

/** The exit code that docker gives a container that could not be started: what its message says. */
export function startFailureCode(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file specified/.test(message))
    return 127
  if (/permission denied|is a directory/.test(message)) return 126
  return refused
}
