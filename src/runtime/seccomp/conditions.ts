import { Failure } from "../../errors/failure.ts"
import { and, data, type Instruction, jump, load } from "./bpf.ts"

/** A comparison of one argument of a call, unsigned. */
export interface Condition {
  readonly argument: number
  readonly narrow: boolean
  readonly op: "=" | "≠" | ">" | "≥" | "<" | "≤" | "masked"
  readonly value: bigint
  /** For `masked`: what (argument & value) must be. */
  readonly second: bigint
}

const operators: Readonly<Record<string, Condition["op"]>> = {
  SCMP_CMP_EQ: "=",
  SCMP_CMP_NE: "≠",
  SCMP_CMP_GT: ">",
  SCMP_CMP_GE: "≥",
  SCMP_CMP_LT: "<",
  SCMP_CMP_LE: "≤",
  SCMP_CMP_MASKED_EQ: "masked",
}

/** @throws invalidArgument for an operator or argument index that does not exist */
export function readCondition(
  argument: {
    readonly index: number
    readonly value: number | bigint
    readonly valueTwo?: number | bigint
    readonly op: string
  },
  narrow: boolean,
): Condition {
  const op = operators[argument.op]
  if (!op)
    throw new Failure("invalidArgument", `the seccomp profile has the operator "${argument.op}", which does not exist`)
  if (!Number.isInteger(argument.index) || argument.index < 0 || argument.index > 5)
    throw new Failure(
      "invalidArgument",
      `the seccomp profile compares argument ${argument.index}; calls have arguments 0 to 5`,
    )
  const whole = (value: number | bigint | undefined) => BigInt.asUintN(narrow ? 32 : 64, BigInt(value ?? 0))
  return { argument: argument.index, narrow, op, value: whole(argument.value), second: whole(argument.valueTwo) }
}

/** Code that does `then` when every condition holds and else falls to `otherwise`; both must end the program. */
export function checked(
  conditions: readonly Condition[],
  then: readonly Instruction[],
  otherwise: readonly Instruction[],
): Instruction[] {
  let code: readonly Instruction[] = then
  for (const condition of [...conditions].reverse()) code = [...test(condition, code.length), ...code]
  return [...code, ...otherwise]
}

/** Code that falls through when `condition` holds and else jumps over the `distance` instructions behind it. */
function test(condition: Condition, distance: number): Instruction[] {
  const { argument, narrow, op, value, second } = condition
  const low = Number(value & 0xffffffffn)
  const high = Number(value >> 32n)
  const loadLow = load(data.low(argument))
  const loadHigh = load(data.high(argument))
  if (op === "masked") {
    const lows = [loadLow, and(low), jump("=", Number(second & 0xffffffffn), 0, distance)]
    if (narrow) return lows
    return [loadHigh, and(high), jump("=", Number(second >> 32n), 0, distance + lows.length), ...lows]
  }
  // `<` is not `≥`, `≤` is not `>`, `≠` is not `=`: the same comparison with its ends exchanged.
  const negated = op === "<" || op === "≤" || op === "≠"
  const relation = op === "<" ? "≥" : op === "≤" ? ">" : op === "≠" ? "=" : op
  const [yes, no] = negated ? [distance, 0] : [0, distance]
  const lows = [loadLow, jump(relation, low, yes, no)]
  if (narrow) return lows
  // From a jump in the high half, `lows.length` instructions are left before the end of this test.
  const end = (outcome: number, behind: number) => outcome + behind
  if (relation === "=") return [loadHigh, jump("=", high, 0, end(no, lows.length)), ...lows]
  return [loadHigh, jump(">", high, end(yes, lows.length + 1), 0), jump("=", high, 0, end(no, lows.length)), ...lows]
}
