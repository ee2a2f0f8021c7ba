/* c <- beta c + alpha a b of matrices whose sizes and strides are constants where it is called; c lies in rows. */

#ifdef __AVX512F__
#define BYTES 64
#define DOWN 8 /* rows of a block: with two vectors a row, half of the registers */
#else
#define BYTES 32
#define DOWN 4
#endif
#define LANES ((long)(BYTES / sizeof(R)))
typedef R V __attribute__((vector_size(BYTES)));

/* m rows of n vectors, in registers while the sum runs */
INLINE void product_block(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, R beta, R *c,
                          long cm) {
    V s[DOWN][2], x[2];
    memset(s, 0, sizeof s);
    for (long l = 0; l < k; l++) {
        for (long j = 0; j < n; j++) memcpy(x + j, b + l * bk + j * LANES, BYTES);
#pragma GCC unroll 8
        for (long i = 0; i < m; i++) {
            R w = a[i * am + l * ak];
#pragma GCC unroll 2
            for (long j = 0; j < n; j++) s[i][j] += w * x[j];
        }
    }
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) {
            R *to = c + i * cm + j * LANES;
            V before, after = alpha * s[i][j];
            if (beta != 0) {
                memcpy(&before, to, BYTES);
                after += beta * before;
            }
            memcpy(to, &after, BYTES);
        }
}

/* the same for n entries, less than a vector */
INLINE void product_rest(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, R beta, R *c,
                         long cm) {
    R s[DOWN][LANES];
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++) s[i][j] = 0;
    for (long l = 0; l < k; l++)
#pragma GCC unroll 8
        for (long i = 0; i < m; i++)
#pragma GCC unroll 1
            for (long j = 0; j < n; j++) s[i][j] += a[i * am + l * ak] * b[l * bk + j];
    for (long i = 0; i < m; i++)
        for (long j = 0; j < n; j++)
            c[i * cm + j] = beta == 0 ? alpha * s[i][j] : beta * c[i * cm + j] + alpha * s[i][j];
}

#define PRODUCT_DOWN(block, n)                                                                                       \
    for (long i = 0; i < m / DOWN * DOWN; i += DOWN)                                                                 \
        block(DOWN, n, k, alpha, a + i * am, am, ak, b + j, bk, beta, c + i * cm + j, cm);                           \
    if (m % DOWN)                                                                                                    \
        block(m % DOWN, n, k, alpha, a + m / DOWN * DOWN * am, am, ak, b + j, bk, beta, c + m / DOWN * DOWN * cm + j, cm);

INLINE void product_loops(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, long bn,
                          R beta, R *c, long cm) {
    R turned[bn == 1 ? 1 : k * n]; /* b in rows */
    if (bn != 1) {
        for (long l = 0; l < k; l++)
            for (long j = 0; j < n; j++) turned[l * n + j] = b[l * bk + j * bn];
        b = turned;
        bk = n;
    }
    long j = 0;
    for (; j + 2 * LANES <= n; j += 2 * LANES) { PRODUCT_DOWN(product_block, 2) }
    if (n % (2 * LANES) >= LANES) {
        PRODUCT_DOWN(product_block, 1)
        j += LANES;
    }
    if (n % LANES) { PRODUCT_DOWN(product_rest, n % LANES) }
}

/* the same by BLAS; a and b lie in rows (ak, bn are 1) or in columns (am, bk are 1) */
INLINE void product_blas(long m, long n, long k, R alpha, const R *a, long am, long ak, const R *b, long bk, long bn,
                         R beta, R *c, long cm) {
    gemm(bn == 1 ? 'N' : 'T', ak == 1 ? 'N' : 'T', n, m, k, alpha, b, bn == 1 ? bk : bn, a, ak == 1 ? am : ak, beta, c, cm);
}
