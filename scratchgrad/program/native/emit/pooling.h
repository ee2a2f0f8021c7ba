/* Pooling: the largest entry of every window and where it is, or the mean; and back.  As torch does it: the first of
   equal entries counts, a later one that is not a number wins, an empty window's largest entry is -infinity. */

struct pool {
    long planes, h, w, k, l, p, q, sh, sw, ph, pw, dh, dw;
    long channels, xn, xc, xh, xw, un, uc, uh, uw; /* strides of the image and of the result */
};

#define WINDOWS                                                                                                      \
    for (long a = 0; a < v.planes; a++)                                                                              \
        for (long p = 0; p < v.p; p++)                                                                               \
            for (long q = 0; q < v.q; q++)
#define X (x + a / v.channels * v.xn + a % v.channels * v.xc)
#define U(u) (u)[a / v.channels * v.un + a % v.channels * v.uc + p * v.uh + q * v.uw]

INLINE void max_pool(struct pool v, R *u, I64 *at, const R *x) {
    WINDOWS {
        long i0 = p * v.sh - v.ph, j0 = q * v.sw - v.pw;
        while (v.ph && i0 < 0) i0 += v.dh;
        while (v.pw && j0 < 0) j0 += v.dw;
        long i1 = p * v.sh - v.ph + (v.k - 1) * v.dh + 1, j1 = q * v.sw - v.pw + (v.l - 1) * v.dw + 1;
        if (i1 > v.h) i1 = v.h;
        if (j1 > v.w) j1 = v.w;
        R m = -INFINITY;
        long place = i0 * v.w + j0;
        for (long i = i0; i < i1; i += v.dh)
            for (long j = j0; j < j1; j += v.dw) {
                R e = X[i * v.xh + j * v.xw];
                int more = (e > m) | (e != e);
                m = more ? e : m;
                place = more ? i * v.w + j : place;
            }
        U(u) = m;
        U(at) = place;
    }
}

/* every window whole within the image: the bounds are constants, so the compiler unrolls it */
INLINE void max_pool_inside(struct pool v, R *u, I64 *at, const R *x) {
    WINDOWS {
        const R *first = X + p * v.sh * v.xh + q * v.sw * v.xw;
        R m = first[0];
        int place = 0;
        for (int i = 0; i < v.k; i++)
            for (int j = 0; j < v.l; j++) {
                R e = first[i * v.dh * v.xh + j * v.dw * v.xw];
                int more = (e > m) | (e != e);
                m = more ? e : m;
                place = more ? i * (int)(v.dh * v.w) + j * (int)v.dw : place;
            }
        U(u) = m;
        U(at) = place + p * v.sh * v.w + q * v.sw;
    }
}

/* x is dense: torch gives it so */
INLINE void max_pool_back(struct pool v, R *x, const R *u, const I64 *at, long an, long ac, long ah, long aw) {
    memset(x, 0, v.planes * v.h * v.w * sizeof(R));
    WINDOWS x[a * v.h * v.w + at[a / v.channels * an + a % v.channels * ac + p * ah + q * aw]] += U(u);
}

/* the window of a mean, and what its sum is divided by: all its entries, those of the image alone, or another number */
#define AREA                                                                                                         \
    long i0 = p * v.sh - v.ph, j0 = q * v.sw - v.pw;                                                                 \
    long i1 = i0 + v.k < v.h + v.ph ? i0 + v.k : v.h + v.ph, j1 = j0 + v.l < v.w + v.pw ? j0 + v.l : v.w + v.pw;     \
    long whole = (i1 - i0) * (j1 - j0);                                                                              \
    if (i0 < 0) i0 = 0;                                                                                              \
    if (j0 < 0) j0 = 0;                                                                                              \
    if (i1 > v.h) i1 = v.h;                                                                                          \
    if (j1 > v.w) j1 = v.w;                                                                                          \
    long by = divisor ? divisor : padded ? whole : (i1 - i0) * (j1 - j0);

INLINE void mean_pool(struct pool v, R *u, const R *x, int padded, long divisor) {
    WINDOWS {
        AREA R s = 0;
        for (long i = i0; i < i1; i++)
            for (long j = j0; j < j1; j++) s += X[i * v.xh + j * v.xw];
        U(u) = i0 < i1 && j0 < j1 ? s / by : 0;
    }
}

INLINE void mean_pool_back(struct pool v, R *x, const R *u, int padded, long divisor) {
    memset(x, 0, v.planes * v.h * v.w * sizeof(R));
    WINDOWS {
        AREA R s = i0 < i1 && j0 < j1 ? U(u) / by : 0;
        for (long i = i0; i < i1; i++)
            for (long j = j0; j < j1; j++) x[a * v.h * v.w + i * v.w + j] += s;
    }
}
#undef X
#undef U
#undef AREA
#undef WINDOWS
