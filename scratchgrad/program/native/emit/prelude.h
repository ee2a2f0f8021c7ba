#include <math.h>
#include <stdint.h>
#include <string.h>

typedef REAL R;
typedef unsigned char B8;
typedef int64_t I64;
typedef void (*gemm_t)(const char *, const char *, const int *, const int *, const int *, const R *, const R *,
                       const int *, const R *, const int *, const R *, R *, const int *);
static gemm_t GEMM;
#define INLINE static inline __attribute__((always_inline)) /* so that sizes are constants, and loops vectorised */

/* c <- beta c + alpha op(a) op(b), by columns, as BLAS has it */
static inline void gemm(char ta, char tb, int m, int n, int k, R alpha, const R *a, int lda, const R *b, int ldb,
                        R beta, R *c, int ldc) {
    GEMM(&ta, &tb, &m, &n, &k, &alpha, a, &lda, b, &ldb, &beta, c, &ldc);
}

#if IS_FLOAT
/* exp in float, in a form that the compiler vectorises: 2^n e^r with |r| <= ln 2 / 2, a polynomial of degree 7.
   Not-a-number stays, infinities and overflow are those of expf, small results pass through the subnormal numbers. */
INLINE float EXP(float x) {
    float c = x < -104.0f ? -104.0f : x;
    c = c > 89.0f ? 89.0f : c;
    float n = rintf(c * 1.44269504088896341f);
    float r = fmaf(-n, 0.693359375f, c);
    r = fmaf(-n, -2.12194440e-4f, r);
    float p = 1.9875691500e-4f;
    p = fmaf(p, r, 1.3981999507e-3f);
    p = fmaf(p, r, 8.3334519073e-3f);
    p = fmaf(p, r, 4.1665795894e-2f);
    p = fmaf(p, r, 1.6666665459e-1f);
    p = fmaf(p, r, 5.0000001201e-1f);
    p = fmaf(p, r * r, r + 1.0f);
    int32_t i = n == n ? (int32_t)n : 0, half = i / 2, rest = i - half;
    union { int32_t i; float f; } s = {(half + 127) << 23}, t = {(rest + 127) << 23};
    return p * s.f * t.f;
}

/* erf in float: an odd polynomial up to 0.92, beyond that 1 - e^(-t - t q(t)), with q fitted to -log(erfc(t)) / t - 1
   where the error counts (weight t erfc(t)); from 4 on it is 1 in float. */
INLINE float ERF(float x) {
    float t = fabsf(x), s = x * x, p = 8.345225095e-5f, q = 1.123137355e-5f;
    t = t > 4.0f ? 4.0f : t;
    q = fmaf(q, t, -3.228044732e-4f);
    q = fmaf(q, t, 3.642461287e-3f);
    q = fmaf(q, t, -2.376206717e-2f);
    q = fmaf(q, t, 1.062368820e-1f);
    q = fmaf(q, t, 6.351513142e-1f);
    q = fmaf(q, t, 1.286484907e-1f);
    float far = copysignf(1.0f - EXP(-fmaf(q, t, t)), x);
    p = fmaf(p, s, -8.137437809e-4f);
    p = fmaf(p, s, 5.200634353e-3f);
    p = fmaf(p, s, -2.685927082e-2f);
    p = fmaf(p, s, 1.128369394e-1f);
    p = fmaf(p, s, -3.761263370e-1f);
    p = fmaf(p, s, 1.283791666e-1f);
    return t > 0.92f ? far : fmaf(p, x, x);
}

/* tanh in float: an odd polynomial up to 0.62, beyond that 1 - 2 / (e^2t + 1); from 10 on it is 1 in float. */
INLINE float TANH(float x) {
    float t = fabsf(x), s = x * x, p = -5.679299768e-3f;
    t = t > 10.0f ? 10.0f : t;
    float far = 1.0f - 2.0f / (EXP(t + t) + 1.0f);
    p = fmaf(p, s, 2.061811829e-2f);
    p = fmaf(p, s, -5.373399865e-2f);
    p = fmaf(p, s, 1.333138363e-1f);
    p = fmaf(p, s, -3.333328022e-1f);
    return copysignf(t > 0.62f ? far : fmaf(p * s, t, t), x);
}
#define LOG logf
#define SQRT sqrtf
#define F(name) name##f /* libm's function for R */
#define POW powf
#define FABS fabsf
#else
#define EXP exp
#define LOG log
#define SQRT sqrt
#define F(name) name
#define TANH tanh
#define ERF erf
#define POW pow
#define FABS fabs
#endif

/* sin(pi x)/(pi x), 1 at 0 */
INLINE R SINC(R x) {
    R t = (R)3.14159265358979323846 * x;
    return x == 0 ? 1 : F(sin)(t) / t;
}

/* log(e^x + e^y) without overflow */
INLINE R LOGADDEXP(R x, R y) {
    R larger = x > y ? x : y;
    return x == y && isinf(x) ? x : larger + F(log1p)(EXP(-FABS(x - y)));
}

/* The inverse of erf: a start with three digits, then Halley's steps: on 1 - erf near 1, where it has the digits. */
static inline R ERFINV(R given) {
    double x = fabs((double)given), rest = 1 - x;
    if (!(x < 1)) return x == 1 ? copysign(INFINITY, given) : NAN;
    double l = log1p(-x * x), h = 4.3307467508 + l / 2, y = sqrt(sqrt(h * h - l * 6.8027) - h);
    for (int k = 0; k < 3; k++) {
        double slope = 1.12837916709551257390 * exp(-y * y);
        double step = (x < 0.5 ? erf(y) - x : rest - erfc(y)) / slope;
        y -= step / (1 + y * step);
    }
    return copysign(y, given);
}

/* The derivative of log gamma: moved up to 10, then the asymptotic series. */
static inline R DIGAMMA(R given) {
    double x = given, value = 0;
    if (x == 0) return copysign(INFINITY, -given);
    if (x < 0) {
        if (x == floor(x)) return NAN;
        value = -M_PI / tan(M_PI * x);
        x = 1 - x;
    }
    for (; x < 10; x++) value -= 1 / x;
    double t = 1 / (x * x);
    double tail = t * (1 / 12. - t * (1 / 120. - t * (1 / 252. - t * (1 / 240. - t * (1 / 132. - t * 691 / 32760.)))));
    return value + log(x) - 0.5 / x - tail;
}

/* Hurwitz's zeta, the sum of (x + k)^-n: some terms, then Euler's and Maclaurin's formula. */
static inline R ZETA(R n, R given) {
    static const double factors[] = {12., -720., 30240., -1209600., 47900160., -1892437580.3183792, 74724249600.};
    double x = given, s = n, total = 0;
    if (x <= 0 && x == floor(x)) return INFINITY;
    if (!(x > -1e4)) return NAN;
    do total += pow(x, -s);
    while (++x < 12 + s);
    double power = pow(x, -s), rising = s, inverse = 1 / x;
    total += power * x / (s - 1) + power / 2;
    for (int k = 0; k < 7; k++) {
        power *= inverse;
        total += rising * power / factors[k];
        rising *= (s + 2 * k + 1) * (s + 2 * k + 2);
        power *= inverse;
    }
    return total;
}

/* <a, b>: 64 sums side by side, which the compiler keeps in registers, then all of them, in double */
static inline double dot(const R *a, const R *b, long n) {
    double total = 0;
    long i = 0;
    while (i + 64 <= n) {
        R s[64] = {0};
        long last = i + 65536 < n ? i + 65536 : n;
        for (; i + 64 <= last; i += 64)
            for (int j = 0; j < 64; j++) s[j] += a[i + j] * b[i + j];
        for (int j = 0; j < 64; j++) total += s[j];
    }
    for (; i < n; i++) total += a[i] * b[i];
    return total;
}
