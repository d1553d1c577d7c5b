import { type StructLayout, structLayout } from "../struct_layout.ts";
import rowsWgsl from "./rows.wgsl" with { type: "text" };

export const ROW_STATE: StructLayout = structLayout(rowsWgsl, "RowState");
export const ROW_PARAMS: StructLayout = structLayout(rowsWgsl, "RowParams");
