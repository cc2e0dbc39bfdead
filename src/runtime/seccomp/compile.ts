import { Failure } from "../../errors/failure.ts"
import type { Seccomp } from "../../oci/runtime-spec.ts"
import { type Architecture, architectures, nativeArchitecture, x32Bit } from "./architectures.ts"
import { assemble, branch, data, type Instruction, load, maxInstructions, ret } from "./bpf.ts"
import { type Condition, checked, readCondition } from "./conditions.ts"

/** SECCOMP_RET_ERRNO with ENOSYS. */
const noSuchCall = 0x00050026
const killThread = 0

/**
 * Compiles a profile into the kernel's form: per calling convention a binary tree over the call numbers. The decisions
 * are libseccomp's: of rules for one call the one without arguments wins, otherwise the first that matches; other
 * conventions kill. Calls newer than any that the profile names answer ENOSYS where it would refuse them, so that C
 * libraries fall back instead of failing.
 * @returns an array of struct sock_filter
 * @throws invalidArgument for actions, operators and architectures that do not exist
 */
export function compileSeccomp(seccomp: Seccomp): Buffer {
  const names = new Set([nativeArchitecture, ...(seccomp.architectures ?? [])])
  for (const name of names)
    if (!architectures.some((one) => one.name === name))
      throw new Failure(
        "invalidArgument",
        `the seccomp profile names the architecture ${name}, which this program cannot compile for`,
      )
  const wanted = architectures.filter((one) => names.has(one.name))
  let program: Instruction[] = [ret(killThread)]
  for (const audit of new Set(wanted.map((one) => one.audit)))
    program = branch(
      "=",
      audit,
      convention(
        seccomp,
        wanted.filter((one) => one.audit === audit),
      ),
      program,
    )
  program = [load(data.architecture), ...program]
  if (program.length > maxInstructions)
    throw new Failure(
      "invalidArgument",
      `the seccomp profile needs ${program.length} BPF instructions; the kernel takes ${maxInstructions}`,
    )
  return assemble(program)
}

/** The code for one audit value: x86_64 and x32 share theirs. */
function convention(seccomp: Seccomp, members: readonly Architecture[]): Instruction[] {
  const plain = members.find((one) => one.offset === 0)
  const x32 = members.find((one) => one.offset !== 0)
  const own = plain ? tree(decisions(seccomp, plain)) : [ret(killThread)]
  if (members[0]!.audit !== 0xc000003e) return [load(data.number), ...own]
  const theirs = x32 ? tree(decisions(seccomp, x32)) : [ret(killThread)]
  // -1 is what a tracer writes to skip a call: no x32 call, though the bit is set.
  const above = branch("=", 0xffffffff, own, theirs)
  return [load(data.number), ...branch("≥", x32Bit, above, own)]
}

/** What is to be done from a number on, up to the next entry. */
interface Span {
  readonly from: number
  readonly code: readonly Instruction[]
  readonly key: string
}

interface CallRules {
  always?: number
  readonly conditional: { readonly conditions: readonly Condition[]; readonly action: number }[]
}

function decisions(seccomp: Seccomp, architecture: Architecture): Span[] {
  const fallback = actionValue(seccomp.defaultAction, seccomp.defaultErrnoRet)
  const rules = new Map<number, CallRules>()
  let newest = -1
  for (const entry of seccomp.syscalls ?? []) {
    const action = actionValue(entry.action, entry.errnoRet)
    const conditions = (entry.args ?? []).map((argument) => readCondition(argument, architecture.narrow))
    const indices = new Set(conditions.map((one) => one.argument))
    // Conditions on different arguments must all hold; several on one argument are alternatives, as in runc.
    const alternatives = indices.size === conditions.length ? [conditions] : conditions.map((one) => [one])
    for (const name of entry.names) {
      const number = architecture.syscalls.get(name)
      if (number === undefined) continue
      if (number < privateNumbers) newest = Math.max(newest, number)
      if (action === fallback) continue
      const call = rules.get(number) ?? { conditional: [] }
      rules.set(number, call)
      if (conditions.length === 0) call.always ??= action
      else for (const one of alternatives) call.conditional.push({ conditions: one, action })
    }
  }
  const refused: Span = { from: 0, code: [ret(fallback)], key: String(fallback) }
  const refuses = seccomp.defaultAction !== "SCMP_ACT_ALLOW" && seccomp.defaultAction !== "SCMP_ACT_LOG"
  const unknown = refuses && newest >= 0 ? { code: [ret(noSuchCall)], key: String(noSuchCall) } : refused
  const spans: Span[] = [refused]
  const after = (number: number) => (number > newest && number < privateNumbers ? unknown : refused)
  for (const [number, call] of [...rules].sort(([one], [other]) => one - other)) {
    spans.push({ from: number, ...codeOf(call, fallback) })
    spans.push({ ...after(number + 1), from: number + 1 })
  }
  spans.push({ ...unknown, from: newest + 1 })
  return merged(spans, architecture.offset)
}

/** ARM's own calls (__ARM_NR_BASE) lie far above the rest and say nothing about how new a profile is. */
const privateNumbers = 0xf0000

function codeOf(call: CallRules, fallback: number): Pick<Span, "code" | "key"> {
  if (call.always !== undefined) return { code: [ret(call.always)], key: String(call.always) }
  const code = call.conditional.reduceRight<Instruction[]>(
    (rest, { conditions, action }) => checked(conditions, [ret(action)], rest),
    [ret(fallback)],
  )
  return { code, key: JSON.stringify(code) }
}

/** Sorted, the last of several entries for a number kept, neighbours that do the same joined. */
function merged(spans: readonly Span[], offset: number): Span[] {
  const byStart = new Map(spans.map((span) => [span.from, span]))
  const result: Span[] = []
  for (const span of [...byStart.values()].sort((one, other) => one.from - other.from)) {
    if (result.at(-1)?.key !== span.key) result.push({ ...span, from: span.from === 0 ? 0 : span.from + offset })
  }
  return result
}

function tree(spans: readonly Span[]): Instruction[] {
  if (spans.length === 1) return [...spans[0]!.code]
  const middle = spans.length >> 1
  return branch("≥", spans[middle]!.from, tree(spans.slice(middle)), tree(spans.slice(0, middle)))
}

/** SECCOMP_RET_… (linux/seccomp.h). */
function actionValue(action: string, errno = 1): number {
  switch (action) {
    case "SCMP_ACT_ALLOW":
      return 0x7fff0000
    case "SCMP_ACT_LOG":
      return 0x7ffc0000
    case "SCMP_ACT_TRACE":
      return 0x7ff00000 + (errno & 0xffff)
    case "SCMP_ACT_ERRNO":
      return 0x00050000 + (errno & 0xffff)
    case "SCMP_ACT_TRAP":
      return 0x00030000
    case "SCMP_ACT_KILL":
    case "SCMP_ACT_KILL_THREAD":
      return killThread
    case "SCMP_ACT_KILL_PROCESS":
      return 0x80000000
    default:
      throw new Failure("invalidArgument", `the seccomp profile has the action "${action}", which does not exist here`)
  }
}
