/**
 * The offer that an `Accept` header (RFC 9110 §12.5.1) names with the highest weight; the earlier one of equals.
 * @returns undefined when it names none: wildcards do not count, so that what clients get by default stays as it is
 */
export function bestAccepted<Offer extends string>(
  accept: string | undefined,
  offers: readonly Offer[],
): Offer | undefined {
  const ranges = (accept ?? "").split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase())
    const weight = parameters.find((parameter) => parameter.startsWith("q="))
    return { type, weight: weight === undefined ? 1 : Number(weight.slice(2)) }
  })
  let best: { readonly offer: Offer; readonly weight: number } | undefined
  for (const offer of offers)
    for (const { type, weight } of ranges) if (type === offer && weight > (best?.weight ?? 0)) best = { offer, weight }
  return best?.offer
}
