/**
 * What stands behind an abbreviation's dot when its sentence ends there.
 * - `never`: nothing but a line's end ("Dr.", "e.g.")
 * - `unless-number`: anything but a number ("No. 5", "Oct. 3")
 * - `unless-lower`: anything but a small letter or a digit ("etc.", "p.m.")
 * - `starter`: a word that often begins sentences ("Inc. The", not "Inc. Tokyo")
 */
export type AbbreviationKind = "never" | "unless-number" | "unless-lower" | "starter";

const LISTS: Record<AbbreviationKind, string> = {
  never:
    `Dr Mr Mrs Ms Mx Messrs Prof Rev Hon Gen Sen Rep Gov Pres Capt Col Cmdr Lt Maj Sgt Cpl Adm Supt Insp St Mt Ft
    vs cf viz approx e.g i.e E.g I.e eg ie ca resp incl excl esp pl Fig Figs Eq Eqs Vol Vols Chap pp
    Hr Frl Dipl Ing Nr bzw ggf evtl vgl Vgl sog inkl zzgl exkl bspw bzgl allg insb einschl entspr geb gest
    z.B Z.B d.h D.h u.a i.d.R o.ä o.g s.o s.u v.a u.U n.Chr v.Chr i.S.d m.E z.T z.Zt
    Mme Mlle MM Mgr Vve p.ex P.ex env av apr éd
    Sr Sra Srta Sres Dra Ud Uds Vd Vds p.ej P.ej Lic Arq`,
  "unless-number":
    `No Nos Sec Sect Art Ch Bd Kap Abs Abb Tab Anm Rn Ziff Hft Aufl Jg fig figs eq vol chap Str
    pág págs Pág núm Núm art núms n° N° op Op
    Jan Feb Mar Apr Jun Jul Aug Sep Sept Oct Okt Nov Dec Dez janv févr avr juil déc`,
  "unless-lower": `etc Etc usw uvm usf ff a.m p.m A.M P.M a.C d.C al dept est Ave Blvd Rd Hwy`,
  starter: `Inc Ltd Co Corp Bros Jr Ph.D M.D B.A M.A B.Sc M.Sc Esq Cie S.A`,
};

/** By the word before its last dot. A word of its own (`fig`) stands where a number decides. */
export const ABBREVIATIONS: ReadonlyMap<string, AbbreviationKind> = new Map(
  (Object.keys(LISTS) as AbbreviationKind[]).flatMap((kind) =>
    LISTS[kind].split(/\s+/).map((word) => [word, kind] as const)
  ),
);
