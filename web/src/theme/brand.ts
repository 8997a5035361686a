/** Our own colours: a deep sea green, calm beside the red and amber that mean something. */

import {
  type BrandVariants,
  createDarkTheme,
  createLightTheme,
  type Theme,
} from "@fluentui/react-components";

const brand: BrandVariants = {
  10: "#011313",
  20: "#07201f",
  30: "#0a3433",
  40: "#0b4342",
  50: "#0b5352",
  60: "#0c6362",
  70: "#0f7372",
  80: "#178281",
  90: "#2d9190",
  100: "#439f9e",
  110: "#59adac",
  120: "#70bbba",
  130: "#89c8c7",
  140: "#a4d6d5",
  150: "#c1e4e3",
  160: "#e0f2f1",
};

export const lightTheme: Theme = {
  ...createLightTheme(brand),
  colorBrandForeground1: brand[70],
  colorBrandForeground2: brand[60],
};

export const darkTheme: Theme = {
  ...createDarkTheme(brand),
  colorBrandForeground1: brand[120],
  colorBrandForeground2: brand[130],
  colorBrandForegroundLink: brand[120],
  colorBrandForegroundLinkHover: brand[130],
  colorBrandForegroundLinkPressed: brand[110],
};
