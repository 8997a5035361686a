import { makeStyles, tokens } from "@fluentui/react-components";

/** Below these widths of its box a table gives up columns. */
const WIDE = "@container (max-width: 699px)";
const WIDER = "@container (max-width: 999px)";

/** How tables look everywhere: native elements, so that every reader knows what they are. */
export const useTableStyles = makeStyles({
  box: { containerType: "inline-size", overflowX: "auto" },
  table: { width: "100%", borderCollapse: "collapse", fontSize: tokens.fontSizeBase300 },
  head: {
    textAlign: "start",
    fontWeight: tokens.fontWeightSemibold,
    color: tokens.colorNeutralForeground2,
    paddingInline: tokens.spacingHorizontalS,
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
    whiteSpace: "nowrap",
  },
  row: {
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    ":hover": { backgroundColor: tokens.colorSubtleBackgroundHover },
  },
  chosen: { backgroundColor: tokens.colorNeutralBackground1Selected },
  cell: {
    height: "44px",
    paddingBlock: tokens.spacingVerticalXS,
    paddingInline: tokens.spacingHorizontalS,
    textAlign: "start",
    fontWeight: tokens.fontWeightRegular,
  },
  /** For a name: the only cell whose words may be broken to make room. */
  name: { overflowWrap: "anywhere" },
  narrow: { width: "1px", paddingInline: tokens.spacingHorizontalS },
  wide: { [WIDE]: { display: "none" } },
  wider: { [WIDER]: { display: "none" } },
  /** Said in a second line where a column was given up. */
  instead: {
    display: "none",
    color: tokens.colorNeutralForeground3,
    fontSize: tokens.fontSizeBase200,
    [WIDE]: { display: "flex", flexWrap: "wrap", columnGap: tokens.spacingHorizontalS },
  },
  link: {
    color: tokens.colorBrandForegroundLink,
    fontWeight: tokens.fontWeightSemibold,
    textDecorationLine: "none",
    borderRadius: tokens.borderRadiusSmall,
    ":hover": { textDecorationLine: "underline" },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
  },
  check: {
    display: "block",
    width: "18px",
    height: "18px",
    margin: 0,
    accentColor: tokens.colorBrandBackground,
    cursor: "pointer",
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "2px" },
  },
  faint: { color: tokens.colorNeutralForeground3 },
  hidden: { position: "absolute", width: "1px", height: "1px", overflow: "hidden", clipPath: "inset(50%)" },
});
