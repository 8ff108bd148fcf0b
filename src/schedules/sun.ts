/**
 * Where the sun is: the formulas of low accuracy in Meeus, "Astronomical Algorithms" (chapters 12,
 * 13, 22, 25), good for a hundredth of a degree, which is a few seconds of time.
 */

const DAY = 86_400;
const J2000 = 946_728_000;
const RADIANS = Math.PI / 180;
/** Dynamical time is ahead of clocks by some 70 seconds in these decades. */
const DELTA_T = 70;
/** Degrees by which the sun is lower than seen from the centre of the earth, at the horizon. */
const PARALLAX = 8.794 / 3600;

interface Sun {
  readonly rightAscension: number;
  readonly declination: number;
  /** Degrees from its centre to its limb. */
  readonly radius: number;
  /** Greenwich. */
  readonly siderealTime: number;
}

/** Angles are degrees. */
function sunAt(epochSeconds: number): Sun {
  const days = (epochSeconds + DELTA_T - J2000) / DAY;
  const t = days / 36_525;
  const longitude = 280.46646 + t * (36_000.76983 + t * 0.0003032);
  const anomaly = (357.52911 + t * (35_999.05029 - t * 0.0001537)) * RADIANS;
  const eccentricity = 0.016708634 - t * (0.000042037 + t * 0.0000001267);
  const centre =
    (1.914602 - t * (0.004817 + t * 0.000014)) * Math.sin(anomaly) +
    (0.019993 - t * 0.000101) * Math.sin(2 * anomaly) +
    0.000289 * Math.sin(3 * anomaly);
  const distance =
    (1.000001018 * (1 - eccentricity ** 2)) /
    (1 + eccentricity * Math.cos(anomaly + centre * RADIANS));
  const node = (125.04 - 1934.136 * t) * RADIANS;
  const apparent = (longitude + centre - 0.00569 - 0.00478 * Math.sin(node)) * RADIANS;
  const obliquity =
    (23.4392911 - t * (0.0130042 + t * 0.00000016) + 0.00256 * Math.cos(node)) * RADIANS;
  const universal = (epochSeconds - J2000) / DAY;
  return {
    rightAscension:
      Math.atan2(Math.cos(obliquity) * Math.sin(apparent), Math.cos(apparent)) / RADIANS,
    declination: Math.asin(Math.sin(obliquity) * Math.sin(apparent)) / RADIANS,
    radius: 0.26656 / distance,
    siderealTime:
      280.46061837 + 360.98564736629 * universal - 0.00478 * Math.sin(node) * Math.cos(obliquity),
  };
}

/** Degrees that the sun is west of the meridian, from -180 to 180. */
export function hourAngle(epochSeconds: number, longitude: number): number {
  const { siderealTime, rightAscension } = sunAt(epochSeconds);
  const angle = (siderealTime + longitude - rightAscension) % 360;
  if (angle > 180) return angle - 360;
  return angle < -180 ? angle + 360 : angle;
}

/** Degrees of the sun's centre, or of its upper limb, above the horizon; the air bends nothing. */
export function altitude(
  epochSeconds: number,
  latitude: number,
  longitude: number,
  part: 'centre' | 'limb',
): number {
  const { declination, radius } = sunAt(epochSeconds);
  const hour = hourAngle(epochSeconds, longitude) * RADIANS;
  const [phi, delta] = [latitude * RADIANS, declination * RADIANS];
  const sine = Math.sin(phi) * Math.sin(delta) + Math.cos(phi) * Math.cos(delta) * Math.cos(hour);
  const centre = Math.asin(Math.max(-1, Math.min(1, sine)));
  const seen = centre / RADIANS - PARALLAX * Math.cos(centre);
  return part === 'limb' ? seen + radius : seen;
}
