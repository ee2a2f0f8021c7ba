"""What torch makes of a function beside its backward: second derivatives, forward mode, batching rules; on request.

In   a Battery, a Subject that was accepted
Out  Verdict, refused where one of them is wrong or missing
"""

from scratchgrad.certification.transforms.judging import judge_transforms as judge_transforms

__all__ = ["judge_transforms"]
